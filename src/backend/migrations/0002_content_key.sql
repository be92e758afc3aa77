-- By which a user's jobs that make the same output are found; NULL: not known.
ALTER TABLE job ADD COLUMN content_key TEXT;
CREATE INDEX job_by_content ON job (user_id, content_key, enqueued_at_ms, id)
    WHERE content_key IS NOT NULL;
