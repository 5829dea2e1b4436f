"""Stores of older releases: nothing is lost, and what cannot be read is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.encryption import KeyRequired
from pen_mobile.phone.store.head_versions import ActiveHead
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, blob, in_use, kinds, query, tamper
from tests.phone.store.old_stores import write_version_1, write_version_2, write_version_3

KEEP = Retention(days=None)


def tables(path: Path) -> set[tuple[str, str]]:
    return set(query(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_a_store_of_version_1_loses_nothing(tmp_path: Path) -> None:
    z, labels = write_version_1(tmp_path / "me.sqlite")
    with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(retention=KEEP)) as store:
        kept = store.samples()
        np.testing.assert_array_equal(kept.features, z)
        np.testing.assert_array_equal(kept.labels, labels)
        assert in_use(store) == (3, blob(3))  # without the optimizer's slots
        assert [state["reason"] for state in store.heads.history()] == ["reason 1", "reason 2", "reason 3"]
        assert kinds(store) == ["migrated"]
        store.add(z[:1], -labels[:1])  # the same moment again: known by its digest
        assert len(store.samples().weight) == 3
        assert store.rollback() == 1
        assert in_use(store) == (1, blob(1))


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    ("write", "strategy"), [(write_version_2, "adadelta"), (write_version_3, "adam")], ids=["2", "3"]
)
def test_a_store_of_version_2_or_3_loses_nothing(
    tmp_path: Path, key: bytes | None, write: Callable[..., tuple[np.ndarray, np.ndarray]], strategy: str
) -> None:
    """Looked at without its bundle first, then opened by the bundle: the head in use fits and stays in use."""
    z, labels = write(tmp_path / "me.sqlite", key)
    Store(tmp_path / "me.sqlite", options=StoreOptions(key=key)).close()
    with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=key, retention=KEEP)) as store:
        assert store.change is None
        kept = store.samples()
        np.testing.assert_array_equal(kept.features, z)
        np.testing.assert_array_equal(kept.labels, labels)
        assert kept.captured_at.tolist() == [100.0, 101.0, 102.0]
        assert in_use(store) == (2, blob(2))
        assert [state["strategy"] for state in store.heads.history()] == [strategy, strategy]
        assert kinds(store) == ["exported", "migrated"]
        assert {record.origin for record in store.sample_table.records().values()} == {"user"}
        store.add(z[:1], -labels[:1])
        assert len(store.samples().weight) == 3
        assert store.rollback() == 1
        assert in_use(store) == (1, blob(1))


def test_the_generation_goes_on_and_an_interrupted_adaptation_begins_anew(tmp_path: Path) -> None:
    write_version_3(tmp_path / "me.sqlite")
    with Store(tmp_path / "me.sqlite", BINDING) as store:
        assert store.heads.active() == ActiveHead(7, 2)
        assert store.checkpoints().read() is None


@pytest.mark.parametrize("write", [write_version_1, write_version_2])
def test_an_old_head_of_another_size_is_left_and_said(tmp_path: Path, write: Callable[[Path], object]) -> None:
    """Heads of 1,200 bytes are 400 of parameters under Adadelta; a head of 500 bytes has none of them."""
    write(tmp_path / "me.sqlite")
    with Store(tmp_path / "me.sqlite", replace(BINDING, head_bytes=500)) as store:
        assert "stays in the history" in str(store.change)
        assert in_use(store) is None
        assert kinds(store)[-1] == "bundle-changed"


@pytest.mark.parametrize("write", [write_version_1, write_version_2, write_version_3])
def test_migrated_and_new_have_the_same_tables(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "old.sqlite")
    Store(tmp_path / "old.sqlite").close()
    Store(tmp_path / "new.sqlite", BINDING).close()
    assert tables(tmp_path / "old.sqlite") == tables(tmp_path / "new.sqlite")


def test_an_old_encrypted_store_wants_its_key_and_is_left_alone(tmp_path: Path) -> None:
    write_version_3(tmp_path / "me.sqlite", KEY)
    before = (tmp_path / "me.sqlite").read_bytes()
    with pytest.raises(KeyRequired, match="of an older release; give its key"):
        Store(tmp_path / "me.sqlite")
    with pytest.raises(BadInput, match="the key is not the store's"):
        Store(tmp_path / "me.sqlite", options=StoreOptions(key=bytes(32)))
    assert (tmp_path / "me.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sample SET feature = zeroblob(32) WHERE id = 2",
        "UPDATE sample SET captured_at = -1 WHERE id = 2",
        "UPDATE sample SET weight = 1e300 WHERE id = 2",
        "UPDATE head_state SET metrics = '[1]' WHERE version = 1",
        "UPDATE event SET detail = '{\"a\": NaN}'",
        "UPDATE bundle SET feature_size = 9",
    ],
)
def test_a_damaged_old_store_is_one_line_and_left_alone(tmp_path: Path, damage: str) -> None:
    write_version_3(tmp_path / "me.sqlite")
    tamper(tmp_path / "me.sqlite", damage)
    before = (tmp_path / "me.sqlite").read_bytes()
    with pytest.raises(BadInput, match="damaged") as refusal:
        Store(tmp_path / "me.sqlite")
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "me.sqlite").read_bytes() == before


def test_a_damaged_old_head_is_left_out_and_said(tmp_path: Path) -> None:
    write_version_3(tmp_path / "me.sqlite")
    tamper(tmp_path / "me.sqlite", "UPDATE head_state SET blob = zeroblob(400) WHERE version = 2")
    with Store(tmp_path / "me.sqlite", BINDING) as store:
        assert in_use(store) is None
        assert [state["kept"] for state in store.heads.history()] == [True, False]
        assert store.events.entries()[-1]["detail"] == {"from": 3, "to": 4, "damaged_heads": [2]}


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "me.sqlite"
    Store(path, BINDING).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 5")
    db.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="a newer release made it"):
        Store(path, BINDING)
    assert path.read_bytes() == before
