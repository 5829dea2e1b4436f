-- The personal store of one user: one schema for Python, Android and iOS.
-- It runs on SQLite 3.18 and later. BUNDLE.md ("The personal store") gives the layout of every blob.
-- Faces are never stored: a sample is a feature vector, which a face cannot be drawn from.
-- Blobs end in a tag of 16 bytes that depends on the store and on the row.
-- A reader that splits this file at semicolons gets whole statements.

PRAGMA user_version = 4;

CREATE TABLE bundle_binding (    -- one row: the bundle of this store, and the state of the store
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    store_id      TEXT    NOT NULL CHECK (typeof(store_id) = 'text' AND length(store_id) = 32),  -- random, new after a deletion
    key_check     BLOB    CHECK (key_check IS NULL OR typeof(key_check) = 'blob'),  -- NULL: not encrypted
    backbone      TEXT    NOT NULL CHECK (typeof(backbone) = 'text'),  -- manifest: backbone.identity
    feature_size  INTEGER NOT NULL CHECK (typeof(feature_size) = 'integer' AND feature_size > 0),  -- D_z
    targets       TEXT    NOT NULL CHECK (typeof(targets) = 'text'),  -- JSON array: names in the order of every label
    head_bytes    INTEGER CHECK (head_bytes IS NULL OR (typeof(head_bytes) = 'integer' AND head_bytes > 0)),
    head          TEXT    CHECK (head IS NULL OR typeof(head) = 'text'),  -- SHA-256 of the parameters that the bundle ships
    model         TEXT    NOT NULL CHECK (typeof(model) = 'text'),        -- name of the model, or empty
    serial        INTEGER NOT NULL CHECK (typeof(serial) = 'integer' AND serial >= 0),  -- highest serial of a bundle so far
    generation    INTEGER NOT NULL CHECK (typeof(generation) = 'integer' AND generation > 0),
    deleting      INTEGER NOT NULL CHECK (deleting IN (0, 1)),  -- 1: a deletion of all data is not finished
    state         BLOB    CHECK (state IS NULL OR typeof(state) = 'blob')
);

CREATE TABLE sample (            -- one labelled moment
    id       INTEGER PRIMARY KEY,
    moment   TEXT NOT NULL UNIQUE CHECK (typeof(moment) = 'text' AND length(moment) = 64),  -- digest of the feature
    record   BLOB NOT NULL CHECK (typeof(record) = 'blob'),   -- times, weight, labels, origin
    feature  BLOB NOT NULL CHECK (typeof(feature) = 'blob')   -- [D_z], its first piece
);

CREATE TABLE head_version (      -- one attempt to adapt, accepted or not
    version     INTEGER PRIMARY KEY,
    parent      INTEGER REFERENCES head_version (version),  -- NULL: the initial head of the bundle
    status      TEXT NOT NULL CHECK (status IN ('active', 'superseded', 'rejected')),
    record      BLOB NOT NULL CHECK (typeof(record) = 'blob'),  -- strategy, time, what was measured
    parameters  BLOB CHECK (parameters IS NULL OR typeof(parameters) = 'blob'),  -- first piece, NULL: rejected, or no longer kept
    CHECK (status <> 'active' OR parameters IS NOT NULL),
    CHECK (status <> 'rejected' OR parameters IS NULL)
);

CREATE UNIQUE INDEX one_active_version ON head_version (status) WHERE status = 'active';

CREATE TABLE checkpoint (        -- the adaptation under way, or interrupted
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    record   BLOB NOT NULL CHECK (typeof(record) = 'blob'),
    content  BLOB NOT NULL CHECK (typeof(content) = 'blob')  -- first piece
);

CREATE TABLE event (             -- what happened to the store
    id      INTEGER PRIMARY KEY,
    record  BLOB NOT NULL CHECK (typeof(record) = 'blob')
);

CREATE TABLE piece (             -- what follows the first mebibyte of a long blob, so that no row is longer than a cursor window
    kind     TEXT    NOT NULL CHECK (kind IN ('feature', 'parameters', 'content')),
    row_id   INTEGER NOT NULL CHECK (typeof(row_id) = 'integer'),   -- sample.id, head_version.version, or 1
    number   INTEGER NOT NULL CHECK (typeof(number) = 'integer' AND number > 0),
    content  BLOB    NOT NULL CHECK (typeof(content) = 'blob'),
    PRIMARY KEY (kind, row_id, number)
);
