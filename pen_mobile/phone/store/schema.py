"""The schemas of all releases: what a file may hold before anything in it is run."""

from __future__ import annotations

import re
from pathlib import Path

from pen_mobile.errors import BadInput, one_line
from pen_mobile.phone.store.database import Database
from pen_mobile.utils.resources import contract_folder

SCHEMA_VERSION = 4
_COMMENT = re.compile(r"--[^\n]*")
# Android's own classes add this table unless they are told not to.
_ANDROID = ("table", "android_metadata", "CREATE TABLE android_metadata (locale TEXT)")
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def present_schema() -> str:
    """Return the SQL that makes a new store; bundles carry a copy of it for the other platforms."""
    return schema_of(SCHEMA_VERSION)


def schema_of(version: int) -> str:
    """Return the SQL of a release's stores.

    Args:
        version: of the schema, 1 and up.
    """
    old = Path(__file__).parent / "old_schemas" / f"personal_store_v{version}.sql"
    file = contract_folder() / "personal_store.sql" if version == SCHEMA_VERSION else old
    return file.read_text(encoding="utf-8")


def is_empty(database: Database) -> bool:
    """Return whether a file holds no table and no version."""
    names = {name for _, name, _, _ in database.rows(_OBJECTS)}
    return not names - {"android_metadata"} and not database.number("PRAGMA user_version")


def check_schema(database: Database) -> int:
    """Return the version of a store's schema, after comparing every object in it with that release's.

    Args:
        database: an open file; nothing in it is run.

    Raises:
        BadInput: a newer release made it, it is no store, or it holds an object that no release made.
    """
    version = database.number("PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise BadInput(
            f"{database.path} is not a personal store of version {SCHEMA_VERSION} or older (it says {version}); "
            "a newer release made it"
        )
    if version < 1:
        raise BadInput(f"{database.path} is not a personal store; give another --store")
    found = sorted(_objects(database))
    expected = _expected(version)
    for kind, name, _ in found:
        if (kind, name) not in {object_[:2] for object_ in expected}:
            raise BadInput(
                f"{database.path} is not a usable personal store: it holds the {one_line(kind, 20)} "
                f"{one_line(name, 60)}, which no release makes; nothing was run or changed"
            )
    if [object_ for object_ in found if object_ != _ANDROID] != sorted(expected - {_ANDROID}):
        raise BadInput(
            f"{database.path} is not a usable personal store: its tables are not those of version {version}; "
            "nothing was run or changed"
        )
    return version


def _expected(version: int) -> set[tuple[str, str, str]]:
    found = {_ANDROID}
    for statement in _COMMENT.sub(" ", schema_of(version)).split(";"):
        words = _plain(statement).split()
        if words[:1] == ["CREATE"]:
            kind = "table" if words[1] == "TABLE" else "index"
            name = words[words.index(kind.upper()) + 1]
            found.add((kind, name, _plain(statement)))
    return found


def _objects(database: Database) -> list[tuple[str, str, str]]:
    found = []
    for kind, name, table, sql in database.rows(_OBJECTS):
        if sql is None and kind == "index" and name.startswith(f"sqlite_autoindex_{table}_"):
            continue  # of a PRIMARY KEY or UNIQUE in a table that is compared itself
        found.append((str(kind), str(name), _plain(str(sql))))
    return found


def _plain(sql: str) -> str:
    """Return a statement without comments, on one line."""
    return " ".join(_COMMENT.sub(" ", sql).split())
