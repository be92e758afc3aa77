-- The sweep asks for the media that are being uploaded, whoever's they are.
CREATE INDEX media_by_status ON media (status, created_at_ms, id);
