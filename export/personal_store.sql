-- The personal store: what a phone keeps of its owner. One schema for Python, Android and iOS.
-- Needs SQLite 3.37 or later (STRICT tables). Blobs are little-endian float32; times are Unix seconds, UTC.
-- Faces are never stored: a sample is a feature vector, which a face cannot be drawn from.

PRAGMA user_version = 1;

CREATE TABLE bundle (            -- one row: the model this store belongs to
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    backbone      TEXT    NOT NULL,  -- SHA-256 of the backbone program; features of another one mean nothing here
    feature_size  INTEGER NOT NULL CHECK (feature_size > 0),
    state_bytes   INTEGER NOT NULL CHECK (state_bytes > 0)
) STRICT;

CREATE TABLE sample (            -- what was felt, and the feature seen then
    id           INTEGER PRIMARY KEY,
    feature      BLOB NOT NULL,      -- float32 [D_z]
    sha256       TEXT NOT NULL UNIQUE,  -- of feature: the same moment labelled again replaces the old label
    valence      REAL NOT NULL CHECK (valence BETWEEN -1 AND 1),
    arousal      REAL NOT NULL CHECK (arousal BETWEEN -1 AND 1),
    weight       REAL NOT NULL DEFAULT 1 CHECK (weight > 0),
    captured_at  REAL NOT NULL
) STRICT;

CREATE INDEX sample_by_time ON sample (captured_at);

CREATE TABLE head_state (        -- every attempt to adapt, accepted or not
    version     INTEGER PRIMARY KEY,
    parent      INTEGER REFERENCES head_state (version),
    status      TEXT NOT NULL CHECK (status IN ('active', 'superseded', 'rejected')),
    blob        BLOB,                -- the head state; NULL when it was rejected
    sha256      TEXT,                -- of blob
    report      TEXT NOT NULL,       -- JSON: labels, steps, held-out error before and after, reason
    created_at  REAL NOT NULL,
    CHECK ((blob IS NULL) = (status = 'rejected') AND (blob IS NULL) = (sha256 IS NULL))
) STRICT;

CREATE UNIQUE INDEX one_active_state ON head_state (status) WHERE status = 'active';
