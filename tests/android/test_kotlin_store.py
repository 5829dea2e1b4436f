"""Stores that Kotlin writes and Python reads, and the reverse; kills, wrong keys, deletion."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.android.kotlin import Harness, harness, needs_kotlin

needs_kotlin()

NOW = 1.7e9
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def kotlin() -> Iterator[Harness]:
    yield from harness()


@pytest.fixture
def opened(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> dict[str, Any]:
    """Arguments of the request that opens a store."""
    return {"bundle": small_bundle, "store": tmp_path / "me.sqlite", "folder": tmp_path / "programs", "now": NOW}


def samples(count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    z, y = rng.standard_normal((count, 16), dtype=np.float32), rng.uniform(-0.6, 0.6, (count, 2)).astype(np.float32)
    return [{"z": z[i].tolist(), "y": y[i].tolist(), "t": NOW - 1e5 + 60 * i} for i in range(count)]


@pytest.mark.parametrize("key", [None, KEY])
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
    command = ["pen-mobile", "phone", "history", "--store", str(opened["store"]), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["heads"][0]["reason"] == result["reason"]


@pytest.mark.parametrize("key", [None, KEY])
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


def test_exported_data_are_read_by_python(kotlin: Harness, opened: dict[str, Any], tmp_path: Path) -> None:
    kotlin.ask("open", **opened, key=KEY.hex())
    kotlin.ask("label", samples=samples(5))
    kotlin.ask("adapt")
    kotlin.ask("export", out=tmp_path / "mine.zip")
    command = ["pen-mobile", "phone", "import-data", "--store", str(tmp_path / "new.sqlite")]
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


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(small_bundle: Path, tmp_path: Path) -> None:
    """The JVM is killed at any moment of labelling and adapting; the next one finds all that was acknowledged."""
    request = {"bundle": small_bundle, "store": tmp_path / "me.sqlite", "folder": tmp_path / "programs", "now": NOW}
    rng, acknowledged, sent = np.random.default_rng(1), 0, 0
    for life in range(8):
        harness = Harness()
        answer = harness.ask("open", **request)
        assert acknowledged <= answer["labels"] <= sent
        acknowledged = sent = answer["labels"]
        for row in samples(40, seed=life + 10)[: int(rng.integers(2, 40))]:
            harness.send("label", samples=[row])
            harness.send("adapt")
            sent += 1
            if rng.random() < 0.8:
                acknowledged = harness.receive()["labels"]
                harness.receive()
            else:
                break
        os.kill(harness.process.pid, signal.SIGKILL)
        harness.process.wait()
    with Phone.open(small_bundle, tmp_path / "me.sqlite", options=StoreOptions(clock=lambda: NOW)) as phone:
        assert acknowledged <= phone.status().samples <= sent
