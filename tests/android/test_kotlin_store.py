"""Stores that Kotlin writes and Python reads, and the reverse; kills, wrong keys, deletion."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.android.kotlin import Harness, needs_kotlin
from tests.android.resealing import changed_copy
from tests.nightly import times

PROGRAM = str(Path(sys.executable).parent / "pen-mobile")

needs_kotlin()

NOW = 1.7e9
KEY = bytes(range(32))


@pytest.fixture
def opened(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> dict[str, Any]:
    """Arguments of the request that opens a store."""
    return {"bundle": small_bundle, "store": tmp_path / "me.sqlite", "folder": tmp_path / "programs", "now": NOW}


def samples(count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    z, y = rng.standard_normal((count, 16), dtype=np.float32), rng.uniform(-0.6, 0.6, (count, 2)).astype(np.float32)
    return [{"z": z[i].tolist(), "y": y[i].tolist(), "t": NOW - 1e5 + 60 * i} for i in range(count)]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_python_reads_what_kotlin_wrote(kotlin: Harness, opened: dict[str, Any], key: bytes | None) -> None:
    kotlin.ask("open", **opened, key=key and key.hex())
    written = samples(12)
    assert kotlin.ask("label", samples=written) == {"labels": 12}
    result = kotlin.ask("adapt")
    again = kotlin.ask("label", samples=[written[3] | {"y": [0.25, 0.5]}])
    assert again == {"labels": 12}
    options = StoreOptions(key=key, clock=lambda: NOW)
    with Store(opened["store"], binding_of(open_bundle(opened["bundle"])), options) as store:
        found = store.samples()
        history = store.heads.history()
    np.testing.assert_array_equal(found.features, np.array([row["z"] for row in written], np.float32))
    assert found.labels[3].tolist() == [0.25, 0.5]
    assert [attempt["reason"] for attempt in history] == [result["reason"]]
    assert history[0]["targets"] == result["targets"]


def test_the_history_of_kotlin_on_the_command_line(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    kotlin.ask("label", samples=samples(6))
    result = kotlin.ask("adapt")
    command = [PROGRAM, "phone", "history", "--store", str(opened["store"]), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["heads"][0]["reason"] == result["reason"]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_kotlin_reads_what_python_wrote(kotlin: Harness, opened: dict[str, Any], key: bytes | None) -> None:
    written = samples(20)
    z, y, t = (np.array([row[name] for row in written]) for name in ("z", "y", "t"))
    options = StoreOptions(key=key, clock=lambda: NOW, feature_format="float16")
    with Phone.open(opened["bundle"], opened["store"], options=options) as phone:
        phone.add_labels(z.astype(np.float32), y.astype(np.float32), t)
        phone.adapt()
        expected = phone.predict_features(z[:1].astype(np.float32))[0][0]
        version = phone.status().active_version
    answer = kotlin.ask("open", **opened, key=key and key.hex())
    assert answer == {"labels": 20, "version": version}
    assert kotlin.ask("predict", z=written[0]["z"])["targets"] == pytest.approx(
        np.clip(expected, -1, 1).tolist(), abs=1e-6
    )
    kotlin.ask("adapt")
    assert len(kotlin.ask("history")["history"]) == 2


def test_a_store_is_refused_for_a_reason(kotlin: Harness, opened: dict[str, Any], bundle_folder: Path) -> None:
    kotlin.ask("open", **opened, key=KEY.hex())
    kotlin.ask("label", samples=samples(3))
    store: Path = opened["store"]
    assert kotlin.ask("open", **opened)["problem"] == "WRONG_KEY"
    assert kotlin.ask("open", **opened, key=bytes(32).hex())["problem"] == "WRONG_KEY"
    assert kotlin.ask("open", **opened | {"bundle": bundle_folder}, key=KEY.hex())["problem"] == "OTHER_BACKBONE"
    other = changed_copy(opened["bundle"], store.with_name("other"), lambda values: values["targets"].reverse())
    refusal = kotlin.ask("open", **opened | {"bundle": other}, key=KEY.hex())
    assert refusal["problem"] == "OTHER_BACKBONE"
    assert 'labels of ["valence", "arousal"]' in refusal["message"]
    assert "problem" not in kotlin.ask("open", **opened, key=KEY.hex())
    assert kotlin.ask("label", samples=samples(3))["labels"] == 3
    with sqlite3.connect(store) as database:
        database.execute("DELETE FROM sample WHERE id = 2")
    assert kotlin.ask("open", **opened, key=KEY.hex())["problem"] == "STORE_DAMAGED"
    with sqlite3.connect(store) as database:
        database.execute("CREATE TRIGGER other AFTER INSERT ON sample BEGIN SELECT 1; END")
    assert kotlin.ask("open", **opened, key=KEY.hex())["problem"] == "NOT_A_STORE"
    with sqlite3.connect(store) as database:
        database.execute("DROP TRIGGER other")
        database.execute("PRAGMA user_version = 5")
    assert kotlin.ask("open", **opened, key=KEY.hex())["problem"] == "STORE_NEWER"
    store.with_name("text.sqlite").write_text("this is no database, and never was one" * 100)
    answer = kotlin.ask("open", **opened | {"store": store.with_name("text.sqlite")})
    assert answer["problem"] == "NOT_A_STORE"


def test_labels_that_cannot_be_kept_are_refused(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    good = samples(1)[0]
    for wrong in ({"y": [1.5, 0.0]}, {"z": good["z"][:-1]}, {"t": NOW + 3e5}, {"t": -1.0}, {"t": NOW - 400 * 86400}):
        assert kotlin.ask("label", samples=[good | wrong])["problem"] == "BAD_INPUT"
    assert kotlin.ask("history")["labels"] == 0
    with Store(opened["store"]) as store:
        assert [event["kind"] for event in store.events.entries()] == ["labels-refused"] * 5


def test_going_back(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    assert kotlin.ask("rollback")["problem"] == "BAD_INPUT"
    kotlin.ask("label", samples=samples(1))
    z = samples(1)[0]["z"]
    before, result = kotlin.ask("predict", z=z), kotlin.ask("adapt")
    if result["accepted"]:  # what the head of the test learned decides
        assert kotlin.ask("predict", z=z) != before
        assert kotlin.ask("rollback") == {"version": None}
    assert kotlin.ask("predict", z=z) == before


def test_an_open_session_takes_the_head_that_another_process_adapted(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    z = samples(1)[0]["z"]
    before = kotlin.ask("predict", z=z)
    bundle = open_bundle(opened["bundle"])
    shipped = np.frombuffer((bundle.path / bundle.manifest.head.head_parameters).read_bytes(), "<f4")
    with Store(opened["store"]) as store:
        store.accept((shipped / 2).astype("<f4").tobytes(), {}, started_from=store.heads.active())
    assert kotlin.ask("predict", z=z) == before
    assert kotlin.ask("reload") == {"version": 1}
    assert kotlin.ask("predict", z=z) != before
    assert kotlin.ask("rollback") == {"version": None}
    assert kotlin.ask("predict", z=z) == before


def test_only_labels_after_the_last_adaptation_are_new(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    assert kotlin.ask("news") == {"new": False}
    kotlin.ask("label", samples=samples(3))
    assert kotlin.ask("news") == {"new": True}
    kotlin.ask("adapt")
    assert kotlin.ask("news") == {"new": False}
    kotlin.ask("label", samples=[samples(4)[3] | {"t": NOW + 60}])
    assert kotlin.ask("news") == {"new": True}


def test_exported_data_are_read_by_python(kotlin: Harness, opened: dict[str, Any], tmp_path: Path) -> None:
    kotlin.ask("open", **opened, key=KEY.hex())
    kotlin.ask("label", samples=samples(5))
    kotlin.ask("adapt")
    kotlin.ask("export", out=tmp_path / "mine.zip")
    command = [PROGRAM, "phone", "import-data", "--store", str(tmp_path / "new.sqlite")]
    done = subprocess.run([*command, "--from", str(tmp_path / "mine.zip")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Store(tmp_path / "new.sqlite") as store:
        assert len(store.sample_table.records()) == 5


def test_nothing_is_left_of_deleted_data(kotlin: Harness, opened: dict[str, Any]) -> None:
    kotlin.ask("open", **opened)
    written = samples(5)
    kotlin.ask("label", samples=written)
    kotlin.ask("adapt")
    assert kotlin.ask("delete") == {}
    trace = np.array(written[2]["z"][:4], "<f4").tobytes()
    for file in opened["store"].parent.glob("me.sqlite*"):
        assert trace not in file.read_bytes()
    assert kotlin.ask("open", **opened) == {"labels": 0, "version": None}


class Killed:
    """A JVM that labels and adapts, and is killed with signal 9 at any moment.

    Attributes:
        sent: labels that it was asked to keep.
        acknowledged: labels that it said are kept.
    """

    def __init__(self, request: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        """Open a store.

        Args:
            request: that opens it.
            rows: samples to label, in turn.
        """
        self.harness, self.rows = Harness(), rows
        self.sent = self.acknowledged = self.harness.ask("open", **request)["labels"]

    def work(self, *, wait: bool) -> None:
        """Ask for a label and for adapting.

        Args:
            wait: until both are done.
        """
        self.harness.send("label", samples=[self.rows[self.sent]])
        self.harness.send("adapt")
        self.sent += 1
        if wait:
            self.receive()

    def receive(self) -> None:
        """Wait for the answers to both."""
        self.acknowledged = self.harness.receive()["labels"]
        assert "reason" in self.harness.receive()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the JVM."""
        os.kill(self.harness.process.pid, number)

    def kill(self) -> None:
        """End it with signal 9."""
        self.signal(signal.SIGKILL)
        self.harness.process.communicate()


def found_in(bundle: Path, store: Path) -> int:
    """Return how many labels a store has, which must be whole: Python checks every row when it opens one."""
    with Phone.open(bundle, store, options=StoreOptions(clock=lambda: NOW)) as phone:
        assert len(phone.history()) <= phone.status().samples + 1
        return phone.status().samples


KILLS = times(6, nightly=100)


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(small_bundle: Path, tmp_path: Path) -> None:
    """The next JVM finds all that was acknowledged by the one that was killed."""
    request = {"bundle": small_bundle, "store": tmp_path / "me.sqlite", "folder": tmp_path / "programs", "now": NOW}
    rng, rows, acknowledged, sent = np.random.default_rng(1), samples(6 * KILLS), 0, 0
    for _ in range(KILLS):
        killed = Killed(request, rows)
        assert acknowledged <= killed.acknowledged <= sent
        for _ in range(int(rng.integers(0, 4))):
            killed.work(wait=True)
        killed.work(wait=False)
        time.sleep(rng.uniform(0, 0.03))
        killed.kill()
        acknowledged, sent = killed.acknowledged, killed.sent
    assert acknowledged <= found_in(small_bundle, tmp_path / "me.sqlite") <= sent


@pytest.mark.slow
def test_what_was_acknowledged_is_in_the_files_at_any_moment(small_bundle: Path, tmp_path: Path) -> None:
    """A hundred times the JVM is stopped while it writes: the files are then those that signal 9 would leave."""
    request = {"bundle": small_bundle, "store": tmp_path / "me.sqlite", "folder": tmp_path / "programs", "now": NOW}
    rng = np.random.default_rng(2)
    worker = Killed(request, samples(100))
    within = 0
    for number in range(100):
        left = tmp_path / f"left-{number}"
        left.mkdir()
        before = worker.acknowledged
        worker.work(wait=False)
        time.sleep(rng.uniform(0, 0.02))
        worker.signal(signal.SIGSTOP)
        for end in ("", "-wal"):
            shutil.copy(f"{request['store']}{end}", left / f"me.sqlite{end}")
        worker.signal(signal.SIGCONT)
        found = found_in(small_bundle, left / "me.sqlite")
        assert before <= found <= worker.sent, number
        within += found == before
        worker.receive()
    worker.harness.close()
    print(f"{within} of 100 before the label was kept")
