"""Stores of older releases, brought to the present schema in one transaction."""

from __future__ import annotations

import json

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.utils.resources import contract_folder

SCHEMA_VERSION = 3

# The old tables step aside, the present schema makes new ones, and rows move over: a migrated store
# and a new one have the same tables by construction.
_ASIDE_1 = """
    DROP INDEX sample_by_time;
    DROP INDEX one_active_state;
    ALTER TABLE bundle RENAME TO old_bundle;
    ALTER TABLE sample RENAME TO old_sample;
    ALTER TABLE head_state RENAME TO old_head_state;
"""
_AWAY_1 = """
    DROP TABLE old_head_state;
    DROP TABLE old_sample;
    DROP TABLE old_bundle;
"""
_ASIDE = {1: _ASIDE_1, 2: _ASIDE_1 + "ALTER TABLE event RENAME TO old_event;\n"}
# Before version 3 a state ended in its optimizer's slots, and nothing said how large the parameters were; the next
# bundle that opens the store does.
_OVER = {
    1: """
        INSERT INTO bundle (only, backbone, feature_size) SELECT only, backbone, feature_size FROM old_bundle;
        INSERT INTO sample (id, feature, sha256, valence, arousal, weight, captured_at)
            SELECT id, feature, sha256, valence, arousal, weight, captured_at FROM old_sample;
        INSERT INTO head_state (version, parent, status, blob, sha256, with_slots, metrics, created_at)
            SELECT version, parent, status, blob, sha256, 1, report, created_at FROM old_head_state ORDER BY version;
    """
    + _AWAY_1,
    2: """
        INSERT INTO bundle (only, backbone, feature_size, key_check)
            SELECT only, backbone, feature_size, key_check FROM old_bundle;
        INSERT INTO sample SELECT * FROM old_sample;
        INSERT INTO head_state (version, parent, status, blob, sha256, with_slots, strategy, metrics, created_at)
            SELECT version, parent, status, blob, sha256, 1, optimizer, metrics, created_at
            FROM old_head_state ORDER BY version;
        INSERT INTO event SELECT * FROM old_event;
        DROP TABLE old_event;
    """
    + _AWAY_1,
}


def present_schema() -> str:
    """Return the SQL that makes a new store; bundles carry a copy of it for the other platforms."""
    return (contract_folder() / "personal_store.sql").read_text(encoding="utf-8")


def check_version(database: Database) -> int:
    """Return the version of the store's schema.

    Raises:
        BadInput: it is none of this release's.
    """
    version = database.number("PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise BadInput(
            f"{database.path} is not a personal store of version {SCHEMA_VERSION} or older (it says {version}); "
            "a newer release made it"
        )
    if not database.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'bundle'") or version < 1:
        raise BadInput(f"{database.path} is not a personal store; give another --store")
    return version


def migrate(database: Database, now: float) -> None:
    """Bring a store to the present schema; nothing is lost, and a crash leaves it as it was."""
    if database.number("PRAGMA user_version") == SCHEMA_VERSION:
        return
    with database.transaction():
        version = database.number("PRAGMA user_version")  # another process may have been faster
        if version == SCHEMA_VERSION:
            return
        database.run_script(_ASIDE[version])
        database.run_script(present_schema())
        database.run_script(_OVER[version])
        detail = json.dumps({"from": version, "to": SCHEMA_VERSION})
        database.execute("INSERT INTO event (at, kind, detail) VALUES (?, 'migrated', ?)", (now, detail))
