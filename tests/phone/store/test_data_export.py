"""Exported data are complete, private, say what they are, and make the same store again."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.data_export import export_data
from pen_mobile.phone.store.data_import import import_data
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, accept, blob, in_use, samples

THREE = replace(BINDING, targets=("valence", "arousal", "dominance"), model="a model", serial=4, head="c" * 64)
NOW = 1.7e9


def fill(path: Path, key: bytes | None = None) -> Store:
    """Three samples of three targets, heads of every status, an event, an interrupted adaptation."""
    store = Store(path, THREE, StoreOptions(key=key, clock=lambda: NOW))
    labels = np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3)
    store.add(samples(3)[0], labels, weight=0.3, origin="import", captured_at=[NOW - 3, NOW - 1, NOW - 2])
    accept(store, blob(1), {"reason": "better"}, "ridge")
    accept(store, blob(2), {"reason": "better still"})
    store.reject({"reason": "worse", "error": 0.25}, started_from=store.heads.active())
    store.rollback()
    store.checkpoints().save(Checkpoint("inputs", {"finished": 2}, b"state" * 8))
    return store


def content(store: Store) -> dict[str, Any]:
    """Return everything that a user can ask of a store."""
    found = store.samples()
    return {
        "samples": [values.tolist() for values in vars(found).values()],
        "records": [record for _, record in store.sample_table.in_order()],
        "heads": store.heads.history(),
        "in use": in_use(store),
        "parameters": [store.heads.parameters(version) for version in (1, 2)],
        "events": [event for event in store.events.entries() if event["kind"] not in ("exported", "imported")],
        "checkpoint": store.checkpoints().read(),
        "bundle": {name: value for name, value in store.bundle.items() if name != "generation"},
    }


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_folder_with_everything_and_nothing_else(tmp_path: Path, key: bytes | None) -> None:
    with fill(tmp_path / "me.sqlite", key) as store:
        assert export_data(store, tmp_path / "out") == {"samples": 3, "heads": 3, "kept_heads": 2, "events": 1}
        assert store.events.entries()[-1]["kind"] == "exported"
    out = tmp_path / "out"
    names = {file.name for file in out.iterdir()}
    listed = {"samples.csv", "features.npy", "heads.json", "events.json", "head-000001.f32", "head-000002.f32"}
    listed |= {"checkpoint.json", "checkpoint.bin"}
    assert names == listed | {"store.json", "README.md"}
    assert np.load(out / "features.npy").dtype == np.float32
    with (out / "samples.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["captured_at"]) for row in rows] == [NOW - 3, NOW - 2, NOW - 1]
    assert [float(row["dominance"]) for row in rows] == [-0.5, 1.0, 0.25]
    assert {row["origin"] for row in rows} == {"import"}
    assert (out / "head-000001.f32").read_bytes() == blob(1)
    heads = json.loads((out / "heads.json").read_text())
    assert [head["metrics"]["reason"] for head in heads] == ["better", "better still", "worse"]
    index = json.loads((out / "store.json").read_text())
    assert set(index["files"]) == listed
    assert index["bundle"]["model"] == "a model"
    assert index["bundle"]["targets"] == ["valence", "arousal", "dominance"]


def test_labels_on_the_scale_that_people_see(tmp_path: Path) -> None:
    """From 1 to 9, as the data declared; bit by bit the same when they are read back."""
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "out", (1, 9))
        before = content(store)
    out = tmp_path / "out"
    with (out / "samples.csv").open(newline="") as stream:
        assert [float(row["dominance"]) for row in csv.DictReader(stream)] == [3.0, 9.0, 6.0]  # -0.5, 1, 0.25
    assert json.loads((out / "store.json").read_text())["label_range"] == [1, 9]
    assert "Labels lie in [1, 9]" in (out / "README.md").read_text()
    import_data(out, tmp_path / "again.sqlite", StoreOptions(clock=lambda: NOW))
    with Store(tmp_path / "again.sqlite", THREE, StoreOptions(clock=lambda: NOW)) as store:
        assert content(store) == before


def test_an_export_of_version_1_has_labels_from_minus_1_to_1(tmp_path: Path) -> None:
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "out")
        before = content(store)
    index = json.loads((tmp_path / "out" / "store.json").read_text())
    del index["label_range"]
    (tmp_path / "out" / "store.json").write_text(json.dumps(index | {"version": 1}))
    import_data(tmp_path / "out", tmp_path / "again.sqlite", StoreOptions(clock=lambda: NOW))
    with Store(tmp_path / "again.sqlite", THREE, StoreOptions(clock=lambda: NOW)) as store:
        assert content(store) == before


@pytest.mark.parametrize("label_range", [[9, 1], [1], [1, 1], ["1", "9"]])
def test_a_range_that_is_none_is_refused(tmp_path: Path, label_range: list[Any]) -> None:
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "out")
    index = json.loads((tmp_path / "out" / "store.json").read_text())
    (tmp_path / "out" / "store.json").write_text(json.dumps(index | {"label_range": label_range}))
    with pytest.raises(BadInput, match=r"store\.json is damaged \(label_range"):
        import_data(tmp_path / "out", tmp_path / "again.sqlite")


def test_the_readme_inside_names_the_model_and_every_file(tmp_path: Path) -> None:
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    for file in (tmp_path / "out").iterdir():
        if file.name != "README.md":
            (row,) = (line for line in text.splitlines() if line.startswith(f"| `{file.name}` |"))
            assert f"{file.stat().st_size:,}" in row
    for word in ("a model", "valence, arousal, dominance", "float32 `[N, D_z]`", "import-data"):
        assert word in text


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_store_made_from_exported_data_has_the_same_content(tmp_path: Path, key: bytes | None, name: str) -> None:
    with fill(tmp_path / "me.sqlite", key) as store:
        export_data(store, tmp_path / name)
        before = content(store)
    options = StoreOptions(key=bytes(32), clock=lambda: NOW + 60)
    assert import_data(tmp_path / name, tmp_path / "new.sqlite", options) == {"samples": 3, "heads": 3, "events": 1}
    with Store(tmp_path / "new.sqlite", THREE, options) as again:
        assert again.change is None
        assert content(again) == before
        assert again.events.entries()[-1]["kind"] == "imported"


def test_a_zip_has_the_same_files_and_nothing_is_overwritten(tmp_path: Path) -> None:
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "new" / "out.zip")
        with zipfile.ZipFile(tmp_path / "new" / "out.zip") as archive:
            assert archive.namelist()[-1] == "README.md"
            assert len(archive.namelist()) == 10
        with pytest.raises(BadInput, match="exists already"):
            export_data(store, tmp_path / "new" / "out.zip")
        assert [file.name for file in (tmp_path / "new").iterdir()] == ["out.zip"]
        with pytest.raises(BadInput, match="exists already"):
            import_data(tmp_path / "new" / "out.zip", tmp_path / "me.sqlite")


def test_only_their_user_may_read_exported_data(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with fill(tmp_path / "me.sqlite") as store:
            export_data(store, tmp_path / "out")
            export_data(store, tmp_path / "out.zip")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out.zip").stat().st_mode & 0o777 == 0o600
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "out").iterdir()} == {0o600}


_EXPORT = """
import os, signal, sys
from pathlib import Path
from pen_mobile.phone.store.data_export import export_data
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
left = int(sys.argv[3])
def fsync(handle):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
os.fsync = fsync
export_data(Store(Path(sys.argv[1]), options=StoreOptions(key=bytes(range(32)))), Path(sys.argv[2]))
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name are Linux's")
@pytest.mark.parametrize(("name", "written"), [("out", 0), ("out", 5), ("out.zip", 0)])
def test_killed_while_exporting_an_encrypted_store_nothing_lies_in_clear(
    tmp_path: Path, name: str, written: int
) -> None:
    """SIGKILL when so many files and all of the next are written; none has a name yet. The next export sweeps."""
    with fill(tmp_path / "me.sqlite", KEY) as store:
        z = store.samples().features
    (tmp_path / "to").mkdir()
    out = tmp_path / "to" / name
    command = [sys.executable, "-c", _EXPORT, str(tmp_path / "me.sqlite"), str(out), str(written)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = [file for file in (tmp_path / "to").rglob("*") if file.is_file()]
    assert left == []
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and z[0].tobytes() in file.read_bytes()]
    with fill(tmp_path / "other.sqlite", KEY) as store:
        export_data(store, out)
    assert [path.name for path in (tmp_path / "to").iterdir()] == [name]


def _set(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Change a JSON file of an export, and its hash in the index: what somebody does on purpose."""

    def spoil(out: Path) -> None:
        value = json.loads((out / name).read_text())
        change(value)
        (out / name).write_text(json.dumps(value))
        if name != "store.json":
            rehash(out, name)

    return spoil


def _text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(out: Path) -> None:
        text = (out / name).read_text()
        assert old in text
        (out / name).write_text(text.replace(old, new, 1))
        rehash(out, name)

    return spoil


def rehash(out: Path, name: str) -> None:
    index = json.loads((out / "store.json").read_text())
    index["files"][name]["sha256"] = hashlib.sha256((out / name).read_bytes()).hexdigest()
    (out / "store.json").write_text(json.dumps(index))


SPOILED: dict[str, Callable[[Path], Any]] = {
    "another format": _set("store.json", lambda index: index.update(format="other")),
    "another version": _set("store.json", lambda index: index.update(version=3)),
    "a version that is a truth": _set("store.json", lambda index: index.update(version=True)),
    "no targets": _set("store.json", lambda index: index["bundle"].update(targets=[])),
    "a size as text": _set("store.json", lambda index: index["bundle"].update(feature_size="8")),
    "another size": _set("store.json", lambda index: index["bundle"].update(feature_size=9)),
    "an unknown key": _set("store.json", lambda index: index.update(more=1)),
    "another active version": _set("store.json", lambda index: index.update(active_version=2)),
    "a file changed": lambda out: (out / "samples.csv").write_text("row\n"),
    "a file missing": lambda out: (out / "head-000001.f32").unlink(),
    "a file too many": lambda out: (out / "more.txt").write_text("x"),
    "no index": lambda out: (out / "store.json").unlink(),
    "an index that is none": lambda out: (out / "store.json").write_text("{"),
    "a key that comes twice": _text("events.json", '"kind"', '"at": 1, "kind"'),
    "NaN": _text("heads.json", "0.25", "NaN"),
    "nested": lambda out: (
        (out / "events.json").write_text('[{"at": 1, "kind": "x", "detail": {"a": ' + "[" * 50 + "]" * 50 + "}}]"),
        rehash(out, "events.json"),
    ),
    "a label out of range": _text("samples.csv", "-0.5", "-1.5"),
    "a label that is none": _text("samples.csv", "-0.5", "nan"),
    "an endless time": _text("samples.csv", repr(NOW - 3), "inf"),
    "an origin that is a formula": _text("samples.csv", "import", "=cmd"),
    "a line too few": _text("samples.csv", "2,", "3,"),
    "another column": _text("samples.csv", "dominance", "engagement"),
    "two active heads": _set("heads.json", lambda heads: [head.update(status="active") for head in heads[:2]]),
    "a parent of the future": _set("heads.json", lambda heads: heads[0].update(parent=2)),
    "a version twice": _set("heads.json", lambda heads: heads[1].update(version=1)),
    "a file elsewhere": _set("heads.json", lambda heads: heads[0].update(parameters="../head-000001.f32")),
    "an odd status": _set("heads.json", lambda heads: heads[0].update(status="odd")),
    "a pickle": lambda out: (
        np.save(out / "features.npy", np.array([{}], object), allow_pickle=True), rehash(out, "features.npy")
    ),
    "features of another type": lambda out: (
        np.save(out / "features.npy", np.zeros((3, 8))), rehash(out, "features.npy")
    ),
    "features that are not finite": lambda out: (
        np.save(out / "features.npy", np.full((3, 8), np.inf, np.float32)), rehash(out, "features.npy")
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_export_is_one_line_and_makes_no_store(tmp_path: Path, how: str) -> None:
    with fill(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "out")
    SPOILED[how](tmp_path / "out")
    with pytest.raises(BadInput) as refusal:
        import_data(tmp_path / "out", tmp_path / "new.sqlite")
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.glob("new.sqlite*"))


def test_what_is_no_export_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_text("notes")
    (tmp_path / "empty").mkdir()
    for source in ("notes.zip", "empty", "nowhere"):
        with pytest.raises(BadInput) as refusal:
            import_data(tmp_path / source, tmp_path / "new.sqlite")
        assert "\n" not in str(refusal.value)


def test_an_archive_that_grows_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pen_mobile.phone.store.exported_data.MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", bytes(10_000))
    with pytest.raises(BadInput, match="larger than an export may be"):
        import_data(tmp_path / "bomb.zip", tmp_path / "new.sqlite")


def test_an_export_deletes_nothing_and_holds_what_the_limits_would_delete(tmp_path: Path) -> None:
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING, StoreOptions(retention=Retention(samples=None, days=None))) as store:
        store.add(samples(5)[0], np.zeros((5, 2), np.float32))
    with Store(path, options=StoreOptions(retention=Retention(samples=2))) as store:
        assert export_data(store, tmp_path / "mine")["samples"] == 5
        assert len(store.sample_table.records()) == 5


def test_a_damaged_archive_is_one_line_wherever_it_is_damaged(tmp_path: Path) -> None:
    fill(tmp_path / "me.sqlite").close()
    with Store(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "mine.zip")
    whole = (tmp_path / "mine.zip").read_bytes()
    for place in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        (tmp_path / "damaged.zip").write_bytes(changed)
        with contextlib.suppress(BadInput):  # a byte may mean nothing, such as a date's; no other error may come
            import_data(tmp_path / "damaged.zip", tmp_path / "new.sqlite")
            (tmp_path / "new.sqlite").unlink()
        assert not (tmp_path / "new.sqlite").exists()


def test_hidden_files_do_not_matter_and_others_are_named(tmp_path: Path) -> None:
    fill(tmp_path / "me.sqlite").close()
    with Store(tmp_path / "me.sqlite") as store:
        export_data(store, tmp_path / "mine")
    (tmp_path / "mine" / ".DS_Store").write_bytes(b"a folder was looked at")
    assert import_data(tmp_path / "mine", tmp_path / "new.sqlite")["samples"] == 3
    with pytest.raises(BadInput, match=r"choose another --store$"):
        import_data(tmp_path / "mine", tmp_path / "new.sqlite")
    (tmp_path / "mine" / "more.txt").write_text("")
    with pytest.raises(BadInput, match=r"more.txt is not of the export \(store.json does not name it\); remove it"):
        import_data(tmp_path / "mine", tmp_path / "other.sqlite")
