-- The personal store: what a phone keeps of its owner. One schema for Python, Android and iOS.
-- Needs SQLite 3.37 or later (STRICT tables). Times are Unix seconds, UTC; JSON is text.
-- Faces are never stored: a sample is a feature vector, which a face cannot be drawn from.
-- Numbers in blobs are little-endian. With a key (bundle.key_check), a blob is what AES-256-GCM makes of it:
-- nonce [12], ciphertext, tag [16]; the associated data name its row: 'sample SHA256', 'head state VERSION' or
-- 'unfinished adaptation'.

PRAGMA user_version = 3;

CREATE TABLE bundle (            -- one row: the model this store belongs to
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    backbone      TEXT    NOT NULL,  -- manifest: backbone.identity; features of another one mean nothing here
    feature_size  INTEGER NOT NULL CHECK (feature_size > 0),
    head_bytes    INTEGER CHECK (head_bytes > 0),  -- of the packed parameters; NULL: migrated, no bundle opened it yet
    head          TEXT,              -- SHA-256 of the parameters that the bundle ships; NULL likewise
    generation    INTEGER NOT NULL DEFAULT 1,  -- one more when data are deleted or the bundle changes: what was being
                                               -- learned before is not accepted after
    key_check     BLOB               -- an empty text sealed for 'pen-mobile personal store'; NULL: not encrypted
) STRICT;

CREATE TABLE sample (            -- what was felt, and the feature seen then
    id           INTEGER PRIMARY KEY,
    feature      BLOB NOT NULL,      -- [D_z]
    format       TEXT NOT NULL DEFAULT 'float32' CHECK (format IN ('float32', 'float16')),
    sha256       TEXT NOT NULL UNIQUE,  -- of the feature as float32, HMAC when encrypted: a moment labelled again
                                        -- replaces the old label
    valence      REAL NOT NULL CHECK (valence BETWEEN -1 AND 1),
    arousal      REAL NOT NULL CHECK (arousal BETWEEN -1 AND 1),
    weight       REAL NOT NULL DEFAULT 1 CHECK (weight > 0),
    captured_at  REAL NOT NULL,
    origin       TEXT NOT NULL DEFAULT 'owner'  -- who gave the label
) STRICT;

CREATE INDEX sample_by_time ON sample (captured_at);

CREATE TABLE head_state (        -- every attempt to adapt, accepted or not; no active one: the bundle's initial head
    version     INTEGER PRIMARY KEY,
    parent      INTEGER REFERENCES head_state (version),  -- what was active then; NULL: the initial head
    status      TEXT NOT NULL CHECK (status IN ('active', 'superseded', 'rejected')),
    blob        BLOB,                -- the packed parameters; NULL when it was rejected, or is no longer kept
    with_slots  INTEGER NOT NULL DEFAULT 0,  -- 1: made before version 3, its optimizer's slots follow the parameters
    sha256      TEXT,                -- of blob as it stands here
    strategy    TEXT,                -- how it was trained; NULL: made by a release that did not note it
    metrics     TEXT NOT NULL,       -- JSON: labels, steps, held-out error before and after, reason
    created_at  REAL NOT NULL,
    CHECK (status <> 'active' OR blob IS NOT NULL),
    CHECK (status <> 'rejected' OR blob IS NULL),
    CHECK (blob IS NULL OR sha256 IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX one_active_state ON head_state (status) WHERE status = 'active';

CREATE TABLE unfinished (        -- the adaptation under way, or interrupted; gone with its end, and with the data
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    inputs    TEXT NOT NULL,         -- digest of labels, head and plan: with others it is of no use; HMAC when encrypted
    progress  TEXT NOT NULL,         -- JSON: rounds done, steps
    blob      BLOB NOT NULL          -- estimates on held-out labels, then the optimizer's state and its best parameters
) STRICT;

CREATE TABLE event (             -- what happened to the store
    id      INTEGER PRIMARY KEY,
    at      REAL NOT NULL,
    kind    TEXT NOT NULL,           -- migrated, forgotten, rolled-back, reset, bundle-changed, rebased,
                                     -- exported, erasing, erased, labels-refused, interrupted
    detail  TEXT NOT NULL            -- JSON object
) STRICT;
