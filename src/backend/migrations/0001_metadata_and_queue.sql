-- What must last: accounts, media, jobs' records, shares.
CREATE TABLE user (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    created_at_ms INTEGER NOT NULL,
    tokens_valid_from_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE revoked_token (
    id TEXT PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_token_expires ON revoked_token (expires_at_ms);

CREATE TABLE media (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES user (id),
    original_filename TEXT NOT NULL,
    source_object TEXT NOT NULL,
    content_type TEXT NOT NULL,
    original_extension TEXT NOT NULL,
    original_size_bytes INTEGER NOT NULL,
    sha256 TEXT,
    created_at_ms INTEGER NOT NULL,
    status TEXT NOT NULL,
    playback TEXT NOT NULL,
    link_epoch INTEGER NOT NULL,
    facts TEXT NOT NULL,       -- JSON
    type TEXT NOT NULL,        -- 'video', 'audio' or '': what a query for a type finds
    name_key TEXT NOT NULL,    -- the file name in small letters: what BY_NAME sorts by
    search_text TEXT NOT NULL  -- file name, title, artist and album in small letters, one a line
) STRICT;
CREATE INDEX media_by_time ON media (user_id, created_at_ms, id);
CREATE INDEX media_by_name ON media (user_id, name_key, id);
CREATE INDEX media_by_size ON media (user_id, original_size_bytes, id);

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    media_id TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    target TEXT NOT NULL,
    status TEXT NOT NULL,
    options TEXT NOT NULL, -- JSON
    output_size_bytes INTEGER NOT NULL,
    enqueued_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    details TEXT,
    error_code TEXT NOT NULL,
    error_word TEXT
) STRICT;
CREATE INDEX job_by_media ON job (media_id, enqueued_at_ms, id);
CREATE INDEX job_by_user ON job (user_id, enqueued_at_ms, id);
CREATE INDEX job_unfinished ON job (enqueued_at_ms, id) WHERE status IN ('enqueued', 'processing');

CREATE TABLE share (
    media_id TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    recipient_id TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    owner_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (media_id, job_id, recipient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_by_job ON share (job_id);
CREATE INDEX share_by_recipient ON share (recipient_id, created_at_ms);
CREATE INDEX share_by_owner ON share (owner_id);

-- What is alive: the queue. Numbers stand for the values of the C enums of the same names.
CREATE TABLE queue_user (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    served INTEGER NOT NULL -- grows over all users; the least one was served longest ago
) STRICT;
CREATE INDEX queue_user_served ON queue_user (served);

CREATE TABLE queue_job (
    number INTEGER PRIMARY KEY, -- in the order of pushing
    id TEXT NOT NULL UNIQUE,
    user INTEGER NOT NULL REFERENCES queue_user (number),
    media_id TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- the record's, when it was pushed
    outcome INTEGER NOT NULL,    -- enum queue_outcome
    is_playable INTEGER NOT NULL,
    fence INTEGER NOT NULL,      -- of the last lease
    told_at_ms INTEGER NOT NULL  -- of a dead job: not before this moment is it told of again
) STRICT;
CREATE INDEX queue_job_user ON queue_job (user);
CREATE INDEX queue_job_dead ON queue_job (told_at_ms) WHERE outcome = 4;

CREATE TABLE queue_part (
    job INTEGER NOT NULL REFERENCES queue_job (number) ON DELETE CASCADE,
    part_index INTEGER NOT NULL,
    user INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    turn INTEGER NOT NULL,            -- enum queue_turn_number: the least comes next
    is_first INTEGER NOT NULL,
    weight_seconds REAL NOT NULL,
    seconds_done REAL NOT NULL,       -- never goes back, so that progress does not
    speed REAL NOT NULL,
    attempts INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    available_at_ms INTEGER NOT NULL, -- while waiting: not before this moment is it given out
    expires_at_ms INTEGER NOT NULL,   -- while leased
    token TEXT,                       -- of the last lease, until it is answered
    worker_id TEXT,
    PRIMARY KEY (job, part_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_part_waiting ON queue_part (user, turn, part_index, job, available_at_ms)
    WHERE state = 2;
CREATE INDEX queue_part_leased ON queue_part (user) WHERE state = 3;
CREATE INDEX queue_part_plans ON queue_part (user) WHERE kind = 1 AND state = 2;
CREATE INDEX queue_part_unfinished ON queue_part (job, kind) WHERE state <> 4;

-- Apart from the parts, whose rows must stay small: they are written every second and summed up often.
CREATE TABLE queue_text (
    job INTEGER NOT NULL,
    part_index INTEGER NOT NULL,
    spec TEXT,
    result TEXT,
    PRIMARY KEY (job, part_index),
    FOREIGN KEY (job, part_index) REFERENCES queue_part (job, part_index) ON DELETE CASCADE
) STRICT;

CREATE TABLE queue_node (
    id TEXT PRIMARY KEY,
    role INTEGER NOT NULL,
    version TEXT,
    slots INTEGER NOT NULL,
    busy INTEGER NOT NULL,
    cpu_percent REAL NOT NULL,
    memory_percent REAL NOT NULL,
    jobs_done INTEGER NOT NULL,
    jobs_failed INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    seen_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_event (
    sequence INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    media_id TEXT NOT NULL,
    job_id TEXT NOT NULL
) STRICT;
