"""The store on the SQLite of old phones: made, written and read by releases from 3.18 (Android 8.0) on."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from pen_mobile.utils.resources import contract_folder
from tests.phone.store.helpers import BINDING, KEY, accept, blob, in_use, kinds
from tests.phone.store.old_sqlite import SOURCES, SQL_JS, shared_library, sql_js

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent.parent
KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
NOW = 2000.0


def node(version: str, task: str, file: Path, key: bytes | None = None) -> dict[str, Any]:
    """Let an old SQLite under node do a task; return what it says."""
    command = ["node", str(HERE / "portable_store.js"), str(sql_js(version)), task, str(file)]
    command += [str(contract_folder() / "personal_store.sql"), (key or b"").hex()]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    said: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    assert said.pop("version") == version
    return said


def python(version: str | None, task: str, file: Path, key: bytes | None) -> dict[str, Any]:
    """Let the toolkit do a task in a process with an old SQLite, or with its own."""
    preload = {} if version is None else {"LD_PRELOAD": str(shared_library(version))}
    command = [sys.executable, "-m", "tests.phone.store.portable_process", task, str(file)]
    command += [] if key is None else [key.hex()]
    found = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | preload, capture_output=True, text=True, check=False, timeout=120
    )
    assert found.returncode == 0, found.stderr
    said: dict[str, Any] = json.loads(found.stdout)
    assert said.pop("version") == (version or sqlite3.sqlite_version)
    return said


def without_log(path: Path) -> Path:
    """Take a store out of the mode with a write-ahead log, which a database in memory cannot read."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    db.close()
    return path


@pytest.mark.parametrize("version", SQL_JS)
def test_wrong_types_are_refused_by_every_release(version: str, tmp_path: Path) -> None:
    assert node(version, "types", tmp_path / "none") == {"wrong_accepted": [], "right_refused": []}


@KEYS
@pytest.mark.parametrize("version", SQL_JS)
def test_a_store_made_by_another_language_and_an_old_release_is_a_store(
    version: str, tmp_path: Path, key: bytes | None
) -> None:
    """The toolkit reads it, writes into it, and the other program reads what it wrote."""
    path = tmp_path / "me.sqlite"
    node(version, "write", path, key)
    with Store(path, BINDING, StoreOptions(key=key, clock=lambda: NOW)) as store:
        found = store.samples()
        expected = np.arange(1, 4)[:, None] + np.arange(8) / 8
        np.testing.assert_array_equal(found.features, expected.astype(np.float32))
        assert found.labels.tolist() == [[n / 4, -n / 4] for n in (1, 2, 3)]
        assert found.captured_at.tolist() == [1001.0, 1002.0, 1003.0]
        assert (in_use(store), kinds(store)) == ((1, bytes([7]) * 400), ["noted"])
        store.add(found.features[:1], np.full((1, 2), 0.75, np.float32), captured_at=1001.0)  # a known moment
        assert len(store.samples().weight) == 3
        accept(store, blob(2), {"reason": "better still"})
    said = node(version, "read", without_log(path), key)
    assert [sample["labels"] for sample in said["samples"]] == [[0.75, 0.75], [0.5, -0.5], [0.75, -0.75]]
    assert [(head["status"], head["reason"]) for head in said["heads"]] == [
        ("superseded", "better"),
        ("active", "better still"),
    ]
    assert said["heads"][1]["parameters"] == blob(2).hex()


@KEYS
@pytest.mark.parametrize("version", SOURCES)
def test_the_toolkit_itself_runs_on_an_old_release(version: str, tmp_path: Path, key: bytes | None) -> None:
    """Written with the old one, read with the new one, and the other way round, with the same answers."""
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    python(version, "write", old, key)
    python(None, "write", new, key)
    answers = [python(which, "read", path, key) for path in (old, new) for which in (version, None)]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["heads"] == [[1, "active", "better"], [2, "superseded", "better still"], [3, "rejected", "worse"]]
    assert [sample["labels"] for sample in answers[0]["samples"]] == [[0.5, 0.5], [0.0, 0.0]]
    assert answers[0]["active"] == blob(1).hex()


@KEYS
def test_every_release_reads_the_same_file(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "me.sqlite"
    python(None, "write", path, key)
    answers = [node(version, "read", without_log(path), key) for version in SQL_JS]
    assert len(answers[0]["samples"]) == 2
    assert all(answer == answers[0] for answer in answers)
    from_old = [python(version, "read", path, key)["samples"] for version in SOURCES]
    assert sorted(from_old[0], key=str) == sorted(answers[0]["samples"], key=str)
    assert from_old[0] == from_old[1]
