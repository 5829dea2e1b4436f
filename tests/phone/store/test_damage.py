"""A damaged or hostile file is one line, and nothing in it is run."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store import database as database_module
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, accept, blob, query, samples, tamper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store(tmp_path / "me.sqlite", BINDING) as store:
        store.add(*samples(3))
        accept(store, blob(1), {"reason": "better"})
        store.note("noted", {"n": 1})
    return tmp_path / "me.sqlite"


def refused(path: Path, match: str) -> None:
    before = path.read_bytes()
    for binding in (None, BINDING):
        with pytest.raises(BadInput, match=match) as refusal:
            Store(path, binding)
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_a_page_overwritten_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING) as store:
        store.add(*samples(200))
    content = bytearray(path.read_bytes())
    content[4096 * 9 : 4096 * 10] = b"\xa5" * 4096
    path.write_bytes(content)
    refused(path, "damaged; nothing was changed")


def test_a_feature_that_changed_is_noticed(path: Path) -> None:
    tamper(path, "UPDATE sample SET feature = zeroblob(48) WHERE id = 1")
    with Store(path) as store, pytest.raises(BadInput, match="sample 1 is damaged"):
        store.samples()


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("CREATE TRIGGER spy AFTER INSERT ON sample BEGIN DELETE FROM event; END", "the trigger spy"),
        ("CREATE VIEW event_2 AS SELECT * FROM event", "the view event_2"),
        ("CREATE TABLE mine (x)", "the table mine"),
        ("CREATE INDEX sample_by_id ON sample (id)", "the index sample_by_id"),
        ("CREATE TABLE android_metadata (locale TEXT, more TEXT)", "its tables are not those of version 4"),
        ("DROP TABLE event", "its tables are not those of version 4"),
        ("ALTER TABLE event ADD COLUMN more", "its tables are not those of version 4"),
        ("ALTER TABLE sample RENAME TO \"a\nb\"", r"the table a\\nb"),
    ],
)  # fmt: skip
def test_an_object_that_no_release_makes_is_refused_before_anything_runs(path: Path, sql: str, word: str) -> None:
    db = sqlite3.connect(path)
    db.execute(sql)
    db.close()
    refused(path, word)


def test_a_schema_that_is_no_text_is_one_line(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_master SET sql = CAST(CAST(sql AS BLOB) || x'fffe0a' AS TEXT) WHERE name = 'event'")
    db.close()
    refused(path, "damaged")


def test_androids_own_table_is_no_stranger(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE android_metadata (locale TEXT); INSERT INTO android_metadata VALUES ('en_US')")
    db.close()
    with Store(path, BINDING) as store:
        assert len(store.samples().weight) == 3


def test_a_table_with_a_generated_column_is_refused(path: Path) -> None:
    """The table has the right name and computes when it is read."""
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE event; CREATE TABLE event (id INTEGER PRIMARY KEY, record AS (zeroblob(900000000)))")
    db.close()
    refused(path, "its tables are not those")


def test_a_renamed_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.sqlite"
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE bundle (x); PRAGMA user_version = 3")
    db.close()
    refused(path, "its tables are not those of version 3")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE bundle_binding SET targets = '[]'",
        'UPDATE bundle_binding SET targets = \'["a", "a"]\'',
        "UPDATE bundle_binding SET targets = '[\"a\\u001b[2J\"]'",
        "UPDATE bundle_binding SET targets = '{'",
        f"UPDATE bundle_binding SET targets = '{'[' * 5000}'",
        "UPDATE bundle_binding SET feature_size = 4e12",
        "UPDATE bundle_binding SET feature_size = 'x'",
        "UPDATE bundle_binding SET generation = 0",
        "UPDATE bundle_binding SET backbone = 'a' || char(10) || 'b'",
        "UPDATE bundle_binding SET store_id = x'00'",
        "UPDATE bundle_binding SET state = NULL",
        "UPDATE bundle_binding SET state = x'00'",
        "UPDATE bundle_binding SET state = 'text'",
        "DELETE FROM bundle_binding",
    ],
)
def test_a_binding_that_makes_no_sense_is_one_line(path: Path, sql: str) -> None:
    tamper(path, sql)
    with pytest.raises(BadInput, match=r"damaged|does not say") as refusal:
        Store(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("record", [b"", b"\0" * 40, b"{}", np.full(20, np.nan, "<f8").tobytes(), b"[" * 100_000])
@pytest.mark.parametrize(("table", "key"), [("sample", "id"), ("head_version", "version"), ("event", "id")])
def test_a_record_of_anything_is_one_line(path: Path, table: str, key: str, record: bytes) -> None:
    """Whoever writes into a store in the clear can make the checksum, too."""
    with Store(path) as store:
        fields = {
            "sample": "SELECT id, moment FROM sample",
            "head_version": "SELECT version, parent, status FROM head_version",
            "event": "SELECT id FROM event",
        }[table]
        (place,) = query(path, f"{fields} LIMIT 1")
        with store.transaction():
            stored = store._rows.seal(record, table, *place)
    tamper(path, f"UPDATE {table} SET record = ? WHERE {key} = 1", (stored,))
    with pytest.raises(BadInput, match="damaged") as refusal, Store(path) as store:
        store.samples(), store.heads.history(), store.events.entries()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sample SET moment = 5 WHERE id = 1",
        "UPDATE sample SET record = 'text'",
        "UPDATE sample SET feature = 1.5",
        "UPDATE head_version SET parent = 77",
        "UPDATE head_version SET status = 'odd'",
        "UPDATE event SET record = 7",
    ],
)
def test_values_of_the_wrong_type_are_one_line(path: Path, sql: str) -> None:
    tamper(path, sql)
    with pytest.raises(BadInput, match="damaged") as refusal, Store(path) as store:
        store.samples(), store.heads.history(), store.events.entries()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("sample", "id, moment, record, feature", (9, "m" * 64, "text", b"")),
        ("sample", "id, moment, record, feature", (9, 5, b"", b"")),
        ("sample", "id, moment, record, feature", (9, "m" * 64, b"", 0.5)),
        ("sample", "id, moment, record, feature", ("x", "m" * 64, b"", b"")),
        ("head_version", "version, status, record", (9, "odd", b"")),
        ("head_version", "version, status, record", (9, "rejected", "text")),
        ("head_version", "version, status, record, parameters", (9, "rejected", b"", b"")),
        ("head_version", "version, status, record", (9, "active", b"")),
        ("event", "id, record", (9, 1)),
        ("checkpoint", "only, record, content", (2, b"", b"")),
        ("piece", "kind, row_id, number, content", ("other", 1, 1, b"")),
        ("piece", "kind, row_id, number, content", ("feature", 1.5, 1, b"")),
        ("piece", "kind, row_id, number, content", ("feature", 1, 0, b"")),
    ],
)
def test_the_schema_itself_refuses_wrong_types(
    path: Path, table: str, columns: str, values: tuple[object, ...]
) -> None:
    db = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(values))})", values)
    db.close()


def test_a_file_made_to_keep_sqlite_busy_ends_in_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MAX_STATEMENT_S", 0.2)
    database = database_module.Database(path)
    started = time.monotonic()
    with pytest.raises(BadInput, match="damaged"):
        database.rows("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
    assert time.monotonic() - started < 20
    assert database.number("SELECT count(*) FROM sample") == 3  # the connection goes on
    database.close()


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "setlimit"), reason="Python 3.10 cannot limit values")
def test_a_value_of_a_gigabyte_is_not_read(path: Path) -> None:
    database = database_module.Database(path)
    with pytest.raises(BadInput, match="damaged"):
        database.rows("SELECT zeroblob(1000000000)")
    database.close()


def test_only_its_user_may_read_a_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=KEY)) as store:
            store.add(*samples(2))
            assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
            assert len(list(tmp_path.iterdir())) == 3
    finally:
        os.umask(before)
