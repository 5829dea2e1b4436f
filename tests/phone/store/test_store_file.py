"""The store's file by itself: migration, going back, retention, encryption, taking out, deleting, two processes."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.data_export import export_data
from pen_mobile.phone.store.encryption import new_cipher
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import in_use

BINDING = BundleBinding("b" * 64, 8, 400)
KEY = bytes(range(32))
FIXTURES = Path(__file__).parent / "fixtures"


def samples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 8), np.float32), rng.uniform(-1, 1, (count, 2)).astype(np.float32)


def blob(value: int) -> bytes:
    return np.full(100, value, "<f4").tobytes()


def accept(opened: Store, state: bytes, metrics: dict[str, object], strategy: str | None = None) -> int:
    return opened.accept(state, metrics, strategy, started_from=opened.heads.active())


def write_version_1(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A store as the first release wrote it: 3 samples, one superseded state, one rejected, one active."""
    import hashlib

    z, affect = samples(3)
    with sqlite3.connect(path) as db:
        db.executescript((FIXTURES / "personal_store_v1.sql").read_text(encoding="utf-8"))
        db.execute("INSERT INTO bundle VALUES (1, ?, 8, 1200)", ("b" * 64,))
        for row in range(3):
            digest = hashlib.sha256(z[row].tobytes()).hexdigest()
            values = (row + 1, z[row].tobytes(), digest, *map(float, affect[row]), 1.0, 100.0 + row)
            db.execute("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        for version, parent, status in ((1, None, "superseded"), (2, 1, "rejected"), (3, 1, "active")):
            stored = None if status == "rejected" else with_slots(version)
            digest = None if stored is None else hashlib.sha256(stored).hexdigest()
            report = json.dumps({"reason": f"reason {version}"})
            db.execute(
                "INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?)",
                (version, parent, status, stored, digest, report, 200.0 + version),
            )
    db.close()
    return z, affect


def with_slots(version: int) -> bytes:
    """What a release before version 3 kept: parameters, then Adadelta's two slots."""
    return blob(version) + blob(100) + blob(101)


def write_version_2(path: Path, key: bytes | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A store as the second release wrote it: 3 samples, one superseded state, one active, one event."""
    import hashlib

    z, affect = samples(3)
    cipher = new_cipher(key, path)
    with sqlite3.connect(path) as db:
        db.executescript((FIXTURES / "personal_store_v2.sql").read_text(encoding="utf-8"))
        db.execute("INSERT INTO bundle VALUES (1, ?, 8, 1200, ?)", ("b" * 64, cipher.key_check()))
        for row in range(3):
            digest = cipher.digest(z[row].tobytes())
            stored = cipher.seal(z[row].tobytes(), f"sample {digest}".encode())
            values = (row + 1, stored, "float32", digest, *map(float, affect[row]), 1.0, 100.0 + row, "owner")
            db.execute("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        for version, status in ((1, "superseded"), (2, "active")):
            stored = cipher.seal(with_slots(version), f"head state {version}".encode())
            report, digest = json.dumps({"reason": f"reason {version}"}), hashlib.sha256(stored).hexdigest()
            values = (version, version - 1 or None, status, stored, digest, "adadelta", report, 200.0 + version)
            db.execute("INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.execute("INSERT INTO event VALUES (1, 300.0, 'exported', '{}')")
    db.close()
    return z, affect


def tables(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as db:
        return set(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


class TestMigration:
    def test_a_store_of_version_1_loses_nothing(self, tmp_path: Path) -> None:
        z, affect = write_version_1(tmp_path / "me.sqlite")
        with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(retention=Retention(days=None))) as opened:
            kept = opened.samples()
            np.testing.assert_array_equal(kept.features, z)
            np.testing.assert_array_equal(kept.labels, affect)
            assert in_use(opened) == (3, with_slots(3))
            assert [state["reason"] for state in opened.heads.history()] == ["reason 1", "reason 2", "reason 3"]
            assert [event["kind"] for event in opened.events.entries()] == ["migrated"]
            opened.add(z[:1], -affect[:1])  # the same moment again: known by its digest
            assert len(opened.samples().weight) == 3
            assert opened.rollback() == 1

    @pytest.mark.parametrize("key", [None, KEY])
    def test_a_store_of_version_2_loses_nothing(self, tmp_path: Path, key: bytes | None) -> None:
        """Looked at without its bundle first, then opened by the bundle: the head in use fits and stays in use."""
        z, affect = write_version_2(tmp_path / "me.sqlite", key)
        Store(tmp_path / "me.sqlite").close()
        with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=key, retention=Retention(days=None))) as opened:
            assert opened.change is None
            kept = opened.samples()
            np.testing.assert_array_equal(kept.features, z)
            np.testing.assert_array_equal(kept.labels, affect)
            assert in_use(opened) == (2, with_slots(2))
            assert [state["strategy"] for state in opened.heads.history()] == ["adadelta", "adadelta"]
            assert [event["kind"] for event in opened.events.entries()] == ["exported", "migrated"]
            opened.add(z[:1], -affect[:1])
            assert len(opened.samples().weight) == 3
            assert opened.rollback() == 1

    @pytest.mark.parametrize("write", [write_version_1, write_version_2])
    def test_an_old_head_of_another_size_is_left_and_said(
        self, tmp_path: Path, write: Callable[[Path], object]
    ) -> None:
        """States of 1,200 bytes are 400 of parameters under Adadelta; a head of 500 bytes has none of them."""
        write(tmp_path / "me.sqlite")
        with Store(tmp_path / "me.sqlite", replace(BINDING, head_bytes=500)) as opened:
            assert "stays in the history" in str(opened.change)
            assert in_use(opened) is None
            assert [event["kind"] for event in opened.events.entries()][-1] == "bundle-changed"

    @pytest.mark.parametrize("write", [write_version_1, write_version_2])
    def test_migrated_and_new_have_the_same_tables(self, tmp_path: Path, write: Callable[[Path], object]) -> None:
        write(tmp_path / "old.sqlite")
        Store(tmp_path / "old.sqlite").close()
        Store(tmp_path / "new.sqlite", BINDING).close()
        assert tables(tmp_path / "old.sqlite") == tables(tmp_path / "new.sqlite")

    def test_a_newer_store_is_left_alone(self, tmp_path: Path) -> None:
        store = tmp_path / "me.sqlite"
        Store(store, BINDING).close()
        with sqlite3.connect(store) as db:
            db.execute("PRAGMA user_version = 4")
        db.close()
        before = store.read_bytes()
        with pytest.raises(BadInput, match="a newer release made it"):
            Store(store, BINDING)
        assert store.read_bytes() == before


class TestGoingBack:
    def test_rollback_goes_to_the_parent_then_to_the_initial_head(self, tmp_path: Path) -> None:
        """1, then 2; back to 1; 3 is then a child of 1; back, back: the initial head."""
        opened = Store(tmp_path / "me.sqlite", BINDING)
        assert accept(opened, blob(1), {}) == 1
        assert accept(opened, blob(2), {}) == 2
        assert opened.rollback() == 1
        assert in_use(opened) == (1, blob(1))
        assert accept(opened, blob(3), {}) == 3
        assert opened.heads.history()[2]["parent"] == 1
        assert [opened.rollback(), opened.rollback()] == [1, None]
        assert in_use(opened) is None
        with pytest.raises(BadInput, match="initial head is in use"):
            opened.rollback()
        assert [event["detail"]["to"] for event in opened.events.entries()] == [1, 1, None]

    def test_reset_keeps_the_history_and_starts_a_new_line(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING)
        accept(opened, blob(1), {"reason": "better"})
        opened.reset("the owner asked")
        assert in_use(opened) is None
        assert opened.heads.history()[0]["status"] == "superseded"
        assert opened.events.entries()[0]["detail"] == {"from": 1, "reason": "the owner asked"}
        accept(opened, blob(2), {})
        assert opened.heads.history()[1]["parent"] is None

    def test_a_damaged_state_can_be_left_but_not_returned_to(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING)
        for value in (1, 2, 3):
            accept(opened, blob(value), {})
        with sqlite3.connect(tmp_path / "me.sqlite") as db:
            db.execute("UPDATE head_state SET blob = zeroblob(400) WHERE version IN (1, 3)")
        db.close()
        with pytest.raises(BadInput, match="head state 3 is damaged"):
            in_use(opened)
        assert opened.rollback() == 2
        with pytest.raises(BadInput, match="head state 1 is damaged"):
            opened.rollback()
        assert in_use(opened) == (2, blob(2))

    def test_status(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(clock=lambda: 1000.0))
        opened.add(*samples(3))
        accept(opened, blob(1), {"reason": "better"}, "adam")
        opened.reject({"reason": "worse"}, started_from=opened.heads.active())
        status = opened.status()
        assert (status.samples, status.oldest, status.newest, status.active_version) == (3, 1000.0, 1000.0, 1)
        assert (status.states, status.encrypted) == ({"active": 1, "rejected": 1}, False)
        assert status.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
        assert status.last_adaptation is not None
        assert status.last_adaptation["reason"] == "worse"
        assert opened.heads.history()[0]["strategy"] == "adam"


class TestRetention:
    def test_by_count_the_oldest_go(self, tmp_path: Path) -> None:
        z, affect = samples(10)
        now = [0.0]
        opened = Store(
            tmp_path / "me.sqlite", BINDING, StoreOptions(retention=Retention(samples=4), clock=lambda: now[0])
        )
        for row in range(10):
            now[0] = float(row)
            opened.add(z[row : row + 1], affect[row : row + 1])
        np.testing.assert_array_equal(opened.samples().features, z[6:])
        assert opened.events.entries()[-1]["detail"] == {"too_many": 1}

    def test_by_age_without_anything_new(self, tmp_path: Path) -> None:
        """Kept for 30 days: on day 29 everything is there, on day 31 what came on day 0 has gone."""
        now = [0.0]
        opened = Store(
            tmp_path / "me.sqlite", BINDING, StoreOptions(retention=Retention(days=30), clock=lambda: now[0])
        )
        opened.add(*samples(2))
        now[0] = 29 * 86400.0
        opened.add(*samples(3, seed=1))
        assert len(opened.samples().weight) == 5
        now[0] = 31 * 86400.0
        opened.apply_retention()
        assert len(opened.samples().weight) == 3

    def test_old_states_lose_their_blob_but_not_the_way_back(self, tmp_path: Path) -> None:
        """Two blobs are kept; after going back to 1, state 4's parent is 1, which stays beside 3 and 4."""
        opened = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(retention=Retention(heads=2)))
        accept(opened, blob(1), {})
        accept(opened, blob(2), {})
        opened.rollback()
        accept(opened, blob(3), {})
        opened.rollback()
        accept(opened, blob(4), {"n": 4})
        assert [state["kept"] for state in opened.heads.history()] == [True, False, True, True]
        assert opened.rollback() == 1

    def test_limits_must_make_sense(self) -> None:
        with pytest.raises(BadInput, match="retention: samples is 0"):
            Retention(samples=0)


class TestFormats:
    def test_float16_is_half_and_near(self, tmp_path: Path) -> None:
        """float16 has 11 significant bits: a relative error of at most 2^-11."""
        z, affect = samples(5)
        with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(feature_format="float16")) as half:
            half.add(z[:3], affect[:3])
        opened = Store(tmp_path / "me.sqlite", BINDING)
        opened.add(z[3:], affect[3:])
        assert opened._db.rows("SELECT length(feature) FROM sample ORDER BY id") == [(16,)] * 3 + [(32,)] * 2
        kept = opened.samples().features
        np.testing.assert_allclose(kept[:3], z[:3], rtol=2**-11, atol=2**-24)
        np.testing.assert_array_equal(kept[3:], z[3:])
        opened.add(z[:1], affect[:1])  # the same moment in another format is the same moment
        assert len(opened.samples().weight) == 5

    def test_what_float16_cannot_hold_keeps_all_out(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(feature_format="float16"))
        z = np.array([[1] * 8, [70_000] * 8], np.float32)
        with pytest.raises(BadInput, match="does not fit float16"):
            opened.add(z, np.zeros((2, 2), np.float32))
        with pytest.raises(BadInput, match=r"this store takes \[N, 8\]"):
            opened.add(np.zeros((1, 9), np.float32), np.zeros((1, 2), np.float32))
        assert len(opened.samples().weight) == 0


class TestEncryption:
    def test_no_blob_is_in_the_clear_and_all_come_back(self, tmp_path: Path) -> None:
        z, affect = samples(4)
        store = tmp_path / "me.sqlite"
        opened = Store(store, BINDING, StoreOptions(key=KEY))
        opened.add(z, affect)
        accept(opened, blob(7), {})
        raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert not [row for row in range(4) if z[row].tobytes()[:12] in raw]
        assert blob(7)[:64] not in raw
        opened.close()
        with Store(store, BINDING, StoreOptions(key=KEY)) as again:
            np.testing.assert_array_equal(again.samples().features, z)
            assert in_use(again) == (1, blob(7))
            again.add(z[:1], -affect[:1])
            assert len(again.samples().weight) == 4

    @pytest.mark.parametrize(
        ("key", "message"), [(bytes(32), "the key is not the store's"), (b"short", "5 bytes; AES-256 takes 32")]
    )
    def test_another_key_touches_nothing(self, tmp_path: Path, key: bytes, message: str) -> None:
        store = tmp_path / "me.sqlite"
        with Store(store, BINDING, StoreOptions(key=KEY)) as opened:
            opened.add(*samples(2))
        before = store.read_bytes()
        with pytest.raises(BadInput, match=message):
            Store(store, BINDING, StoreOptions(key=key))
        assert store.read_bytes() == before

    def test_without_its_key_only_what_needs_no_blob_works(self, tmp_path: Path) -> None:
        store = tmp_path / "me.sqlite"
        with Store(store, BINDING, StoreOptions(key=KEY)) as opened:
            opened.add(*samples(2))
            accept(opened, blob(1), {})
        with Store(store) as locked:
            assert locked.locked
            assert locked.status().encrypted
            for needs_key in (locked.samples, lambda: in_use(locked), lambda: accept(locked, blob(2), {})):
                with pytest.raises(BadInput, match="encrypted; give its key"):
                    needs_key()
            locked.reset()
            assert locked.delete_all() == {"samples": 2, "states": 1}

    def test_a_key_for_a_store_in_the_clear_is_refused(self, tmp_path: Path) -> None:
        Store(tmp_path / "me.sqlite", BINDING).close()
        with pytest.raises(BadInput, match="not encrypted, but a key was given"):
            Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=KEY))

    def test_a_blob_moved_to_another_row_does_not_open(self, tmp_path: Path) -> None:
        store = tmp_path / "me.sqlite"
        opened = Store(store, BINDING, StoreOptions(key=KEY))
        opened.add(*samples(2))
        with sqlite3.connect(store) as db:
            db.execute("UPDATE sample SET feature = (SELECT feature FROM sample WHERE id = 2) WHERE id = 1")
        db.close()
        with pytest.raises(BadInput, match=r"sample .* is damaged"):
            opened.samples()


class TestDamage:
    def test_a_page_overwritten_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        store = tmp_path / "me.sqlite"
        with Store(store, BINDING) as opened:
            opened.add(*samples(200))
        content = bytearray(store.read_bytes())
        content[4096 * 4 : 4096 * 5] = b"\xa5" * 4096
        store.write_bytes(content)
        with pytest.raises(BadInput, match="damaged; nothing was changed"):
            Store(store, BINDING)
        assert store.read_bytes() == bytes(content)

    def test_a_feature_that_changed_is_noticed(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING)
        opened.add(*samples(2))
        with sqlite3.connect(tmp_path / "me.sqlite") as db:
            db.execute("UPDATE sample SET feature = zeroblob(32) WHERE id = 1")
        db.close()
        with pytest.raises(BadInput, match="is damaged"):
            opened.samples()


class TestTakingOut:
    @pytest.mark.parametrize("key", [None, KEY])
    def test_a_folder_with_everything_and_nothing_else(self, tmp_path: Path, key: bytes | None) -> None:
        z, affect = samples(3)
        opened = Store(tmp_path / "me.sqlite", BINDING, StoreOptions(key=key))
        opened.add(z, affect, origin="import")
        accept(opened, blob(1), {"reason": "better"})
        opened.reject({"reason": "worse"}, started_from=opened.heads.active())
        opened.reset()
        export_data(opened, tmp_path / "out")
        names = {file.name for file in (tmp_path / "out").iterdir()}
        assert names == {"samples.csv", "features.npy", "states.json", "events.json", "state-000001.f32"}
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "features.npy"), z)
        with (tmp_path / "out" / "samples.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [float(row["valence"]) for row in rows] == affect[:, 0].tolist()
        assert {row["origin"] for row in rows} == {"import"}
        assert (tmp_path / "out" / "state-000001.f32").read_bytes() == blob(1)
        assert [state["reason"] for state in json.loads((tmp_path / "out" / "states.json").read_text())] == [
            "better",
            "worse",
        ]
        assert opened.events.entries()[-1]["kind"] == "exported"

    def test_a_zip_has_the_same_files_and_nothing_is_overwritten(self, tmp_path: Path) -> None:
        opened = Store(tmp_path / "me.sqlite", BINDING)
        opened.add(*samples(3))
        export_data(opened, tmp_path / "new" / "out.zip")
        with zipfile.ZipFile(tmp_path / "new" / "out.zip") as archive:
            assert archive.namelist() == ["events.json", "features.npy", "samples.csv", "states.json"]
        with pytest.raises(BadInput, match="exists already"):
            export_data(opened, tmp_path / "new" / "out.zip")
        assert [file.name for file in (tmp_path / "new").iterdir()] == ["out.zip"]


class TestDeleting:
    def test_no_byte_is_left_while_the_store_is_still_open(self, tmp_path: Path) -> None:
        z, affect = samples(50)
        opened = Store(tmp_path / "me.sqlite", BINDING)
        opened.add(z, affect)
        opened.close()  # now they are in the file
        opened = Store(tmp_path / "me.sqlite", BINDING)
        accept(opened, blob(9), {"reason": "a secret reason"})  # this one is in its log
        needles = [*(row.tobytes()[:16] for row in z), blob(9)[:64], b"a secret reason"]

        def found() -> int:
            raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            return sum(needle in raw for needle in needles)

        assert found() == len(needles)  # the search finds what is there
        assert opened.delete_all() == {"samples": 50, "states": 1}
        assert found() == 0
        opened.add(z[:2], affect[:2])  # the store lives on
        assert len(opened.samples().weight) == 2

    def test_another_reader_is_named_and_the_next_opening_finishes(self, tmp_path: Path) -> None:
        """A reader holds the log: everything is deleted, but its bytes go when the store is opened again."""
        store = tmp_path / "me.sqlite"
        z, affect = samples(5)
        opened = Store(store, BINDING, StoreOptions(wait_s=0.1))
        opened.add(z, affect)
        reader = sqlite3.connect(store, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sample").fetchall()
        with pytest.raises(BadInput, match="another process is using"):
            opened.delete_all()
        assert len(opened.samples().weight) == 0
        opened.close()
        reader.close()
        with Store(store, BINDING) as again:
            assert again.events.entries()[-1]["kind"] == "erased"
            raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            assert z[0].tobytes()[:16] not in raw


_ADD_200 = """
import sys
from pathlib import Path
import numpy as np
from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.head_versions import ConcurrentUpdateError
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import in_use
which = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
opened = Store(Path(sys.argv[1]), BundleBinding("b" * 64, 8, 400))
for n in range(200):
    opened.add(np.full((1, 8), 1000 * which + n, np.float32), np.zeros((1, 2), np.float32))
    if n % 50 == 0:
        while True:
            try:
                opened.accept(bytes([which]) * 400, {"n": n}, started_from=opened.heads.active())
                break
            except ConcurrentUpdateError:
                continue
"""


class TestTwoProcesses:
    def test_both_write_200_samples_and_none_is_lost(self, tmp_path: Path) -> None:
        """They also race to make the store."""
        store = tmp_path / "me.sqlite"
        command = [sys.executable, "-c", _ADD_200, str(store)]
        children = [
            subprocess.Popen([*command, which], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for which in "12"
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline()
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        for child in children:
            child.communicate(timeout=120)
            assert child.returncode == 0
        with Store(store, BINDING) as opened:
            values = sorted(opened.samples().features[:, 0].tolist())
            assert values == [*range(1000, 1200), *range(2000, 2200)]
            taken = [state for state in opened.heads.history() if state["status"] != "rejected"]
            assert [state["status"] for state in taken] == ["superseded"] * 7 + ["active"]
            assert [state["parent"] for state in taken] == [None, *(state["version"] for state in taken[:-1])]

    def test_one_that_waits_too_long_is_refused_in_one_line(self, tmp_path: Path) -> None:
        store = tmp_path / "me.sqlite"
        opened = Store(store, BINDING, StoreOptions(wait_s=0.1))
        other = sqlite3.connect(store, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BadInput, match="another process is using it") as refused:
            opened.add(*samples(1))
        assert "\n" not in str(refused.value)
        other.execute("ROLLBACK")
        opened.add(*samples(1))
        assert len(opened.samples().weight) == 1
