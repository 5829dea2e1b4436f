"""Head versions: going back, starting over, what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, accept, blob, in_use, query, samples, tamper


def test_rollback_goes_to_the_parent_then_to_the_initial_head(tmp_path: Path) -> None:
    """1, then 2; back to 1; 3 is then a child of 1; back, back: the initial head."""
    store = Store(tmp_path / "me.sqlite", BINDING)
    assert accept(store, blob(1), {}) == 1
    assert accept(store, blob(2), {}) == 2
    assert store.rollback() == 1
    assert in_use(store) == (1, blob(1))
    assert accept(store, blob(3), {}) == 3
    assert store.heads.history()[2]["parent"] == 1
    assert [store.rollback(), store.rollback()] == [1, None]
    assert in_use(store) is None
    with pytest.raises(BadInput, match="initial head is in use"):
        store.rollback()
    assert [event["detail"]["to"] for event in store.events.entries()] == [1, 1, None]


def test_reset_keeps_the_history_and_starts_a_new_line(tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", BINDING)
    accept(store, blob(1), {"reason": "better"})
    store.reset("the owner asked")
    assert in_use(store) is None
    assert store.heads.history()[0]["status"] == "superseded"
    assert store.events.entries()[0]["detail"] == {"from": 1, "reason": "the owner asked"}
    accept(store, blob(2), {})
    assert store.heads.history()[1]["parent"] is None


def test_a_damaged_state_can_be_left_but_not_returned_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", BINDING)
    for value in (1, 2, 3):
        accept(store, blob(value), {})
    tamper(tmp_path / "me.sqlite", "UPDATE head_version SET parameters = zeroblob(416) WHERE version IN (1, 3)")
    with pytest.raises(BadInput, match="head version 3 is damaged"):
        in_use(store)
    assert store.rollback() == 2
    with pytest.raises(BadInput, match="head version 1 is damaged"):
        store.rollback()
    assert in_use(store) == (2, blob(2))


def test_status(tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(clock=lambda: 1000.0))
    store.add(*samples(3))
    accept(store, blob(1), {"reason": "better"}, "adam")
    store.reject({"reason": "worse"}, started_from=store.heads.active())
    status = store.status()
    assert (status.samples, status.oldest, status.newest, status.active_version) == (3, 1000.0, 1000.0, 1)
    assert (status.heads, status.encrypted) == ({"active": 1, "rejected": 1}, False)
    assert status.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert status.last_adaptation is not None
    assert status.last_adaptation["reason"] == "worse"
    assert store.heads.history()[0]["strategy"] == "adam"


def test_a_damaged_record_does_not_keep_its_head_in_use(tmp_path: Path) -> None:
    """What the attempt measured is lost; the store can be told to leave it."""
    store = Store(tmp_path / "me.sqlite", BINDING)
    accept(store, blob(1), {"reason": "better"})
    tamper(tmp_path / "me.sqlite", "UPDATE head_version SET record = CAST(x'00' || substr(record, 2) AS BLOB)")
    with pytest.raises(BadInput, match="head version 1 is damaged"):
        store.heads.history()
    store.reset()
    assert [(head["status"], head["reason"]) for head in store.heads.history()] == [
        ("superseded", "the record of this attempt was damaged")
    ]
    store.close()
    Store(tmp_path / "me.sqlite", BINDING).close()


def test_old_versions_lose_their_parameters_but_not_the_way_back(tmp_path: Path) -> None:
    """Two are kept; after going back to 1, the parent of version 4 is 1, which stays beside 3 and 4."""
    store = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(retention=Retention(heads=2)))
    accept(store, blob(1), {})
    accept(store, blob(2), {})
    store.rollback()
    accept(store, blob(3), {})
    store.rollback()
    accept(store, blob(4), {"n": 4})
    assert [state["kept"] for state in store.heads.history()] == [True, False, True, True]
    assert store.rollback() == 1


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 4, 5_000_000])
def test_a_head_of_any_size_lies_in_rows_that_android_can_read(tmp_path: Path, size: int) -> None:
    """The longest row is a piece of a mebibyte with its tag, 1,048,592 bytes, and a few more; the window holds 2 MB."""
    path = tmp_path / "me.sqlite"
    parameters = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with Store(path, BINDING) as store:
        accept(store, parameters, {})
    longest = query(path, "SELECT max(length(parameters)) FROM head_version")[0][0]
    pieces = query(path, "SELECT count(*), coalesce(max(length(content)), 0) FROM piece")[0]
    assert max(longest, pieces[1]) <= (1 << 20) + 28
    assert pieces[0] == -(-size // (1 << 20)) - 1
    with Store(path, BINDING) as store:
        assert in_use(store) == (1, parameters)
        accept(store, blob(1), {})
        store.heads.drop_parameters()
    assert query(path, "SELECT count(*) FROM piece") == [(0,)]


def test_a_lost_or_exchanged_piece_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING) as store:
        accept(store, bytes(range(256)) * 16_384, {})  # 4 MiB
        tamper(path, "UPDATE piece SET number = 9 WHERE number = 1")
        with pytest.raises(BadInput, match="head version 1 is damaged"):
            in_use(store)
        tamper(path, "UPDATE piece SET number = 1 WHERE number = 2")
        tamper(path, "UPDATE piece SET number = 2 WHERE number = 9")
        with pytest.raises(BadInput, match="head version 1 is damaged"):
            in_use(store)
