"""An encrypted store is secret and whole: whoever has the file but not the key reads nothing and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.encryption import KeyRequired
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, accept, blob, in_use, query, samples, tamper

WHEN = 1_234_567_890.5
SEALED = StoreOptions(key=KEY, clock=lambda: WHEN + 5)
Attack = Callable[[Path, Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four samples, three versions of a head, an event, a checkpoint."""
    fill(tmp_path / "me.sqlite")
    return tmp_path / "me.sqlite"


def fill(path: Path) -> None:
    z, labels = samples(4)
    with Store(path, BINDING, SEALED) as store:
        store.add(z, labels, weight=0.25, origin="a-secret-origin", captured_at=WHEN)
        for value in (1, 2, 3):
            accept(store, blob(value), {"reason": f"a secret reason {value}"}, "a-secret-strategy")
        store.rollback("a secret wish")
        store.checkpoints().save(Checkpoint("secret inputs", {"secret progress": 1}, b"secret state" * 10))


def test_everything_comes_back(path: Path) -> None:
    z, labels = samples(4)
    with Store(path, BINDING, SEALED) as store:
        found = store.samples()
        np.testing.assert_array_equal(found.features, z)
        np.testing.assert_array_equal(found.labels, labels)
        assert found.weight.tolist() == [0.25] * 4
        assert in_use(store) == (2, blob(2))
        assert store.heads.history()[0]["reason"] == "a secret reason 1"
        assert store.checkpoints().read() == Checkpoint("secret inputs", {"secret progress": 1}, b"secret state" * 10)
        store.add(z[:1], -labels[:1])
        assert len(store.samples().weight) == 4


def test_nothing_about_the_user_is_in_the_clear(path: Path) -> None:
    """Features, labels, times, weights, origins, what was measured, events: searched as text and as numbers."""
    z, labels = samples(4)
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    words = [b"secret", b"rolled-back"]
    numbers = [*(row.tobytes()[:12] for row in z), *(row.tobytes() for row in labels), blob(1)[:32]]
    numbers += [np.array(WHEN, kind).tobytes() for kind in ("<f8", ">f8")]
    numbers += [np.array(0.25, kind).tobytes() for kind in ("<f8", ">f8")]
    assert not [needle for needle in words + numbers if needle in raw]
    plain = path.with_name("plain.sqlite")
    with Store(plain, BINDING) as store:
        store.add(z, labels, weight=0.25, origin="a-secret-origin", captured_at=store.options.clock())
    raw = plain.read_bytes()  # the search finds what is there
    assert b"a-secret-origin" in raw
    assert z[0].tobytes()[:12] in raw
    assert labels[0].tobytes() in raw


@pytest.mark.parametrize(
    ("key", "message"), [(bytes(32), "the key is not the store's"), (b"short", "5 bytes; AES-256 takes 32")]
)
def test_another_key_touches_nothing(path: Path, key: bytes, message: str) -> None:
    before = path.read_bytes()
    for binding in (None, BINDING):
        with pytest.raises(BadInput, match=message) as refusal:
            Store(path, binding, StoreOptions(key=key))
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_without_its_key_a_store_tells_counts_and_can_be_deleted(path: Path) -> None:
    with pytest.raises(KeyRequired, match="encrypted; give its key") as refusal:
        Store(path, BINDING)
    assert "\n" not in str(refusal.value)
    with Store(path) as locked:
        assert locked.locked
        status = locked.status()
        assert (status.encrypted, status.samples, status.active_version) == (True, 4, 2)
        assert (status.oldest, status.last_adaptation) == (None, None)
        needs_key: list[Callable[[], object]] = [
            locked.samples,
            locked.heads.history,
            locked.events.entries,
            locked.checkpoints().read,
            locked.reset,
            locked.rollback,
            lambda: in_use(locked),
            lambda: accept(locked, blob(2), {}),
            lambda: locked.note("x", {}),
        ]
        for ask in needs_key:
            with pytest.raises(KeyRequired, match="encrypted; give its key"):
                ask()
        assert locked.delete_all() == {"samples": 4, "heads": 3}
    with Store(path, BINDING, SEALED) as store:
        assert (len(store.samples().weight), store.heads.history(), store.events.entries()) == (0, [], [])
        store.add(*samples(2))
    with Store(path, BINDING, SEALED) as store:
        assert len(store.samples().weight) == 2


def test_a_key_for_a_store_in_the_clear_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "me.sqlite", BINDING).close()
    with pytest.raises(BadInput, match="not encrypted, but a key was given"):
        Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=KEY))


def swap(table: str, column: str, key: str, one: int, other: int) -> Attack:
    def attack(path: Path, older: Path) -> None:
        rows = dict(query(path, f"SELECT {key}, {column} FROM {table}"))
        for row, stored in ((one, rows[other]), (other, rows[one])):
            tamper(path, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (stored, row))

    return attack


def run(sql: str) -> Attack:
    return lambda path, older: tamper(path, sql)


def bring_back(table: str, condition: str = "1") -> Attack:
    """Replace rows by those of an older copy of the same store."""

    def attack(path: Path, older: Path) -> None:
        tamper(path, f"DELETE FROM {table} WHERE {condition}")
        for row in query(older, f"SELECT * FROM {table} WHERE {condition}"):
            tamper(path, f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    return attack


ATTACKS: dict[str, Attack] = {
    "records swapped": swap("sample", "record", "id", 1, 2),
    "features swapped": swap("sample", "feature", "id", 1, 2),
    "head records swapped": swap("head_version", "record", "version", 1, 2),
    "parameters swapped": swap("head_version", "parameters", "version", 1, 2),
    "events swapped": swap("event", "record", "id", 1, 2),
    "one sample deleted": run("DELETE FROM sample WHERE id = 3"),
    "all samples deleted": run("DELETE FROM sample"),
    "last attempt deleted": run("DELETE FROM head_version WHERE version = 3"),
    "events deleted": run("DELETE FROM event"),
    "checkpoint deleted": run("DELETE FROM checkpoint"),
    "another head active": lambda path, older: [
        tamper(path, "UPDATE head_version SET status = 'superseded' WHERE version = 2"),
        tamper(path, "UPDATE head_version SET status = 'active' WHERE version = 3"),
    ],
    "no head active": run("UPDATE head_version SET status = 'superseded'"),
    "another parent": run("UPDATE head_version SET parent = 1 WHERE version = 3"),
    "another moment": run("UPDATE sample SET moment = replace(moment, '0', '1')"),
    "a sample doubled": lambda path, older: tamper(
        path, "INSERT INTO sample SELECT 9, substr(moment, 2) || 'a', record, feature FROM sample LIMIT 1"
    ),
    "an old label back": bring_back("sample", "id = 1"),
    "old samples back": bring_back("sample"),
    "old heads back": bring_back("head_version"),
    "an old checkpoint back": bring_back("checkpoint"),
    "old events back": bring_back("event"),
    "another backbone noted": run(f"UPDATE bundle_binding SET backbone = '{'c' * 64}'"),
    "targets exchanged": run("UPDATE bundle_binding SET targets = '[\"arousal\", \"valence\"]'"),
    "another head noted": run("UPDATE bundle_binding SET head_bytes = 404"),
    "a lower serial": run("UPDATE bundle_binding SET serial = 5"),
    "an older generation": run("UPDATE bundle_binding SET generation = generation + 1"),
    "another store id": run(f"UPDATE bundle_binding SET store_id = '{'0' * 32}'"),
    "the state removed": run("UPDATE bundle_binding SET state = NULL"),
    "the state of an older copy": lambda path, older: tamper(
        path, "UPDATE bundle_binding SET state = ?", query(older, "SELECT state FROM bundle_binding")[0]
    ),
    "the key check removed": run("UPDATE bundle_binding SET key_check = NULL"),
}  # fmt: skip


def read_everything(path: Path) -> int:
    """Open the store and ask it everything; return how many samples it has."""
    with Store(path, BINDING, SEALED) as store:
        kept = [head.version for head in store.heads.records() if head.size is not None]
        parts = [store.heads.parameters(version) for version in kept]
        parts += [store.heads.history(), in_use(store), store.events.entries(), store.checkpoints().read()]
        return len(store.samples().weight)


@pytest.mark.parametrize("attack", ATTACKS)
def test_whoever_has_the_file_but_not_the_key_changes_nothing_unnoticed(path: Path, attack: str) -> None:
    """The attacker keeps a copy, waits until labels, head and checkpoint changed, then writes into the file."""
    older = path.with_name("older.sqlite")
    shutil.copyfile(path, older)
    z, labels = samples(4)
    with Store(path, BINDING, SEALED) as store:
        store.add(z[:1], -labels[:1])
        store.reset()
        accept(store, blob(7), {"reason": "newer"})
        accept(store, blob(8), {"reason": "newest"})
        store.rollback()
        store.checkpoints().save(Checkpoint("other", {}, b"newer state"))
    if "active" in attack or "parent" in attack:  # these name versions of the store as it was
        shutil.copyfile(older, path)
    ATTACKS[attack](path, older)
    with pytest.raises(BadInput) as refusal:
        read_everything(path)
    assert "\n" not in str(refusal.value)


def test_the_attacks_are_what_is_noticed(path: Path) -> None:
    """Without an attack the same questions are answered."""
    assert read_everything(path) == 4


def test_rows_of_before_a_deletion_do_not_come_back(path: Path) -> None:
    older = path.with_name("older.sqlite")
    shutil.copyfile(path, older)
    with Store(path, BINDING, SEALED) as store:
        store.delete_all()
    for table in ("sample", "head_version"):
        for row in query(older, f"SELECT * FROM {table}"):
            tamper(path, f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    tamper(path, "UPDATE bundle_binding SET state = ?", query(older, "SELECT state FROM bundle_binding")[0])
    with pytest.raises(BadInput, match="is damaged"):
        Store(path, BINDING, SEALED)


def test_rows_of_another_store_with_the_same_key_do_not_open(path: Path) -> None:
    other = path.with_name("other.sqlite")
    fill(other)
    for table in ("sample", "head_version", "event", "checkpoint"):
        bring_back(table)(path, other)
    tamper(path, "UPDATE bundle_binding SET state = ?", query(other, "SELECT state FROM bundle_binding")[0])
    with pytest.raises(BadInput, match="is damaged"):
        Store(path, BINDING, SEALED)


def test_a_whole_old_file_is_not_noticed(path: Path) -> None:
    """This is what the format cannot see, and the documentation says so."""
    older = path.with_name("older.sqlite")
    shutil.copyfile(path, older)
    with Store(path, BINDING, SEALED) as store:
        store.reset()
    shutil.copyfile(older, path)
    with Store(path, BINDING, SEALED) as store:
        assert in_use(store) == (2, blob(2))


def test_two_stores_with_one_key_have_nothing_in_common(path: Path) -> None:
    other = path.with_name("other.sqlite")
    fill(other)
    for column in ("moment", "record", "feature"):
        one, two = (set(query(file, f"SELECT {column} FROM sample")) for file in (path, other))
        assert not one & two


def test_an_encrypted_store_keeps_its_binding(path: Path) -> None:
    """A bundle with another head changes what the state is bound to; it opens afterwards."""
    changed = replace(BINDING, head="e" * 64)
    with Store(path, changed, SEALED) as store:
        assert "the bundle ships another head" in str(store.change)
    with Store(path, changed, SEALED) as store:
        assert store.change is None
        assert len(store.samples().weight) == 4
