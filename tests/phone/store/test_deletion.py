"""Deleting all data: no byte is left, and this is proved by reading the files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, accept, blob, kinds, query, samples


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_no_byte_is_left_while_the_store_is_still_open(tmp_path: Path, key: bytes | None) -> None:
    z, labels = samples(50)
    options = StoreOptions(key=key)
    with Store(tmp_path / "me.sqlite", BINDING, options) as store:
        store.add(z, labels)  # now they are in the file
    store = Store(tmp_path / "me.sqlite", BINDING, options)
    accept(store, blob(9), {"reason": "a secret reason"})  # this one is in its log
    accept(store, bytes(range(256)) * 10_000, {})
    store.checkpoints().save(Checkpoint("inputs", {}, b"0123456789abcdef" * 9))
    needles = [
        row[0][at : at + 16]
        for table, column in (("sample", "feature"), ("sample", "record"), ("event", "record"), ("piece", "content"))
        for row in query(tmp_path / "me.sqlite", f"SELECT {column} FROM {table}")
        for at in (0, len(row[0]) - 16)
    ]
    needles += [] if key else [b"a secret reason", blob(9)[:64], b"0123456789abcdef"]

    def found() -> int:
        raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        return sum(needle in raw for needle in needles)

    assert found() == len(needles)  # the search finds what is there
    assert store.delete_all() == {"samples": 50, "heads": 2}
    assert found() == 0
    assert [event["kind"] for event in store.events.entries()] == ["erased"]
    store.add(z[:2], labels[:2])  # the store lives on
    assert len(store.samples().weight) == 2


def test_bytes_that_are_left_are_found_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A VACUUM that does nothing stands for a file system, or an SQLite, that keeps what was deleted."""
    execute = Database.execute

    def without_vacuum(self: Database, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return execute(self, "SELECT 1" if sql == "VACUUM" else sql, values)

    store = Store(tmp_path / "me.sqlite", BINDING)
    store.add(*samples(50))
    store._rows.database.execute("PRAGMA secure_delete = OFF")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "execute", without_vacuum)
        with pytest.raises(BadInput, match="still holds bytes of what was deleted"):
            store.delete_all()
    store.close()
    with Store(tmp_path / "me.sqlite", BINDING) as store:  # the next opening finishes
        assert kinds(store) == ["erased"]


def test_another_reader_is_named_and_the_next_opening_finishes(tmp_path: Path) -> None:
    """A reader holds the log: everything is deleted, but its bytes go when the store is opened again."""
    path = tmp_path / "me.sqlite"
    z, labels = samples(5)
    store = Store(path, BINDING, StoreOptions(wait_s=0.1))
    store.add(z, labels)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sample").fetchall()
    with pytest.raises(BadInput, match="another process is using"):
        store.delete_all()
    assert len(store.samples().weight) == 0
    store.close()
    reader.close()
    with Store(path, BINDING) as again:
        assert kinds(again)[-1] == "erased"
        raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert z[0].tobytes()[:16] not in raw


def test_a_store_in_memory_can_be_emptied() -> None:
    with Store(Path(":memory:"), BINDING) as store:
        store.add(*samples(3))
        assert store.delete_all() == {"samples": 3, "heads": 0}
        assert np.size(store.samples().weight) == 0
