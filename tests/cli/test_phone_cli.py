"""``pen-mobile phone``: an owner looks after a store."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from pen_mobile.utils.resources import contract_folder

KEY = bytes(range(32))
REFUSED = {"reason": "no better", "labels": 40, "error_before": 0.2, "error_after": 0.3}


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(cli, ["phone", *map(str, arguments)])
    assert result.exception is None, result.exception
    return result.stdout


def document(*arguments: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(invoke(*arguments, "--json", "-q"))
    return found


def refused(*arguments: object) -> str:
    error = CliRunner().invoke(cli, ["phone", *map(str, arguments)]).exception
    assert isinstance(error, BadInput), error
    assert "\n" not in str(error)
    return str(error)


def make_store(path: Path, key: bytes | None = None) -> None:
    with Store(path, BundleBinding("c" * 64, 4, 16), options=StoreOptions(key=key)) as opened:
        opened.add(np.eye(4, dtype=np.float32), np.zeros((4, 2), np.float32))
        opened.accept(
            b"1" * 16,
            {"reason": "better", "labels": 30, "error_before": 0.3, "error_after": 0.25},
            started_from=opened.heads.active(),
        )
        opened.accept(
            b"2" * 16,
            {"reason": "better still", "labels": 35, "error_before": 0.25, "error_after": 0.2},
            started_from=opened.heads.active(),
        )
        opened.reject(REFUSED, started_from=opened.heads.active())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "me.sqlite")
    return tmp_path / "me.sqlite"


def test_status_and_history(store: Path) -> None:
    status = document("status", "--store", store)
    assert (status["samples"], status["active_version"], status["encrypted"]) == (4, 2, False)
    assert status["last_adaptation"]["reason"] == "no better"  # type: ignore[index]
    text = invoke("status", "--store", store)
    for word in ("version 2", "1 rejected", "no better", "bytes"):
        assert word in text
    states = document("history", "--store", store)["heads"]
    assert [state["status"] for state in states] == ["superseded", "active", "rejected"]  # type: ignore[attr-defined]
    text = invoke("history", "--store", store)
    assert "better still" in text
    assert "0.2500" in text


def test_rollback_and_reset(store: Path) -> None:
    assert document("rollback", "--store", store) == {"active_version": 1}
    assert "initial head is in use again" in invoke("rollback", "--store", store)
    assert "nothing to go back to" in refused("rollback", "--store", store)
    assert document("reset", "--store", store) == {"active_version": None}
    events = document("history", "--store", store)["events"]
    assert [event["kind"] for event in events] == ["rolled-back", "rolled-back", "reset"]  # type: ignore[attr-defined]


def test_export_then_delete(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    assert document("export-data", "--store", store, "--out", out)["samples"] == 4
    assert (out / "samples.csv").is_file()
    assert "exists already" in refused("export-data", "--store", store, "--out", out)
    assert "4 samples and 3 head versions for good; add --yes" in refused("delete-data", "--store", store)
    assert document("status", "--store", store)["samples"] == 4
    assert document("delete-data", "--store", store, "--yes") == {"samples": 4, "heads": 3}
    assert document("status", "--store", store)["samples"] == 0


def test_export_then_import(store: Path, tmp_path: Path) -> None:
    """What was exported makes a store again, with the same history, and encrypted when a key is given."""
    out, new, key = tmp_path / "mine.zip", tmp_path / "new.sqlite", tmp_path / "key"
    key.write_bytes(KEY)
    invoke("export-data", "--store", store, "--out", out)
    found = document("import-data", "--store", new, "--from", out, "--key-file", key)
    assert found == {"store": str(new), "samples": 4, "heads": 3, "events": 0}
    assert "encrypted; give its key" in refused("history", "--store", new)
    histories = [
        document("history", "--store", path, *more)["heads"] for path, more in ((store, ()), (new, ("--key-file", key)))
    ]
    assert histories[0] == histories[1]
    assert "exists already" in refused("import-data", "--store", new, "--from", out)
    assert "neither a folder nor an archive" in refused(
        "import-data", "--store", tmp_path / "x", "--from", tmp_path / "y"
    )


def test_export_on_the_scale_of_the_bundle(store: Path, tmp_path: Path) -> None:
    """The golden bundle's labels go from 1 to 9; another store's bundle does not say what this one's labels mean."""
    bundle, own, out = contract_folder() / "golden" / "phone" / "bundle", tmp_path / "own.sqlite", tmp_path / "mine"
    with Phone.open(bundle, store=own) as phone:
        phone.add_labels(np.ones((1, 8), np.float32), [[7.0, 2.0]])
    invoke("export-data", "--store", own, "--bundle", bundle, "--out", out)
    with (out / "samples.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (float(row["valence"]), float(row["arousal"])) == (7.0, 2.0)
    assert json.loads((out / "store.json").read_text())["label_range"] == [1, 9]
    assert "is not the bundle of this store" in refused(
        "export-data", "--store", store, "--bundle", bundle, "--out", tmp_path / "other"
    )


def test_an_encrypted_store_wants_its_key_for_what_needs_it(tmp_path: Path) -> None:
    store, key, wrong = tmp_path / "me.sqlite", tmp_path / "key", tmp_path / "wrong"
    make_store(store, KEY)
    key.write_text(KEY.hex() + "\n")
    wrong.write_bytes(bytes(32))
    assert document("status", "--store", store)["encrypted"]
    export = ("export-data", "--store", store, "--out", tmp_path / "mine")
    assert "encrypted; give its key" in refused(*export)
    assert "the key is not the store's" in refused(*export, "--key-file", wrong)
    assert not (tmp_path / "mine").exists()
    assert document(*export, "--key-file", key)["samples"] == 4
    key.write_text("abc")
    assert "must hold 32 bytes, or 64 hexadecimal digits" in refused(*export, "--key-file", key)
    assert "cannot be read" in refused(*export, "--key-file", tmp_path / "none")


def test_predict_and_adapt_take_the_key_too(bundle_folder: Path, tmp_path: Path) -> None:
    store, key, image = tmp_path / "me.sqlite", tmp_path / "key", tmp_path / "face.png"
    key.write_bytes(KEY)
    Phone.open(bundle_folder, store, options=StoreOptions(key=KEY)).close()
    cv2.imwrite(str(image), np.full((32, 32, 3), 127, np.uint8))
    predict = ["predict", str(bundle_folder), str(image), "--aligned", "--store", str(store)]
    assert "is encrypted; give its key (--key-file)" in str(CliRunner().invoke(cli, predict).exception)
    said = CliRunner().invoke(cli, [*predict, "--key-file", str(key), "--json", "-q"])
    assert list(json.loads(said.stdout)["images"]) == ["face.png"]
    adapt = [
        "adapt",
        str(bundle_folder),
        "--data",
        "none.csv",
        "--subject",
        "me",
        "--store",
        str(tmp_path / "new.sqlite"),
    ]
    error = CliRunner().invoke(cli, [*adapt, "--key-file", str(image)]).exception
    assert "is not a key: it must hold 32 bytes" in str(error)
    assert not (tmp_path / "new.sqlite").exists()


@pytest.mark.parametrize("command", ["status", "history", "rollback", "reset"])
def test_what_is_no_store_is_refused_and_not_made(command: str, tmp_path: Path) -> None:
    assert "does not exist" in refused(command, "--store", tmp_path / "no.sqlite")
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    assert "not a personal store" in refused(command, "--store", empty)
    assert [file.name for file in tmp_path.iterdir()] == ["empty.sqlite"]


def test_a_key_file_that_others_may_read_is_one_line_on_standard_error(tmp_path: Path) -> None:
    """The document stays one, ``-q`` is silent, and a key of mode 600 is not mentioned."""
    store, key = tmp_path / "me.sqlite", tmp_path / "key"
    make_store(store, KEY)
    key.write_bytes(KEY)
    key.chmod(0o644)
    history = ["phone", "history", "--store", str(store), "--key-file", str(key), "--json"]
    shown = CliRunner().invoke(cli, history)
    assert len(json.loads(shown.stdout)["heads"]) == 3
    assert [line.rpartition(";")[2].strip() for line in shown.stderr.splitlines()] == [f"chmod 600 {key}"]
    assert CliRunner().invoke(cli, [*history, "-q"]).stderr == ""
    key.chmod(0o600)
    assert CliRunner().invoke(cli, history).stderr == ""
