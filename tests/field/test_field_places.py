"""Names and places: every command takes any name, says what a place is, and overwrites nothing that is not its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from pen_mobile.cli.main import cli
from pen_mobile.data.load import load_table
from pen_mobile.errors import BadInput

PEOPLE = "subject,role,valence,arousal,image\nann,source,0.1,0.2,{}\nbob,target,0.3,0.4,{}\n"


@pytest.fixture
def features(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    columns = {"subject": np.repeat(["ann", "ben"], 10), "role": np.repeat("source", 20)}
    np.savez(tmp_path / "people.npz", z=rng.random((20, 4)), y=rng.uniform(-1, 1, (20, 2)), **columns)
    return tmp_path / "people.npz"


def refused(*arguments: object) -> str:
    """Run a command that must be refused in one line; return the line."""
    error = CliRunner().invoke(cli, [str(argument) for argument in arguments]).exception
    assert isinstance(error, BadInput), error
    assert "\n" not in str(error)
    return str(error)


def run(*arguments: str | bytes | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pen_mobile", *arguments]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *(b"caf\xe9.npz", "süß-顔.npz".encode(), b"a\nb.npz"),
        *(pytest.param(name, marks=pytest.mark.nightly) for name in (b"\xff\xfe.npz", b"with space.npz", b"-dash.npz")),
    ],
)
def test_a_table_of_any_name_is_inspected(features: Path, name: bytes) -> None:
    """In a process of its own, because what cannot be printed would fail at its standard output."""
    path = features.rename(features.parent / os.fsdecode(name))
    done = run("data", "inspect", "--", path)
    assert done.returncode == 0, done.stderr
    assert b"20 rows" in done.stdout
    document = run("data", "inspect", "--json", "--", path)
    assert json.loads(document.stdout)["rows"] == 20


def test_a_missing_file_whose_name_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    done = run("data", "inspect", os.fsencode(tmp_path) + b"/caf\xe9.npz")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"does not exist" in done.stderr


@pytest.mark.parametrize("name", ["süß.png", "a b.png", "a:b.png", "x/../a.png", "./a.png", "A.PNG"])
def test_images_of_a_table_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").mkdir()
    content = cv2.imencode(".png", np.full((8, 8, 3), 7, np.uint8))[1].tobytes()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "people.csv").write_text(PEOPLE.format(name, name), encoding="utf-8")
    assert load_table(str(tmp_path / "people.csv"), 8).content(np.arange(2)).max() == 7


@pytest.mark.parametrize(
    "name", ["a\0b.png", "a" * 300 + ".png", "folder", "missing.png", "people.csv/a.png"], ids=lambda name: name[:12]
)
def test_images_that_are_no_files_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "people.csv").write_text(PEOPLE.format(name, name), encoding="utf-8")
    with pytest.raises((BadInput, OSError)) as caught:
        load_table(str(tmp_path / "people.csv"), 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet", ".tsv", ".NPZ"])
def test_a_folder_where_a_table_is_meant_is_said(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"people{suffix}").mkdir()
    assert "is not a prepared folder" in refused("data", "inspect", tmp_path / f"people{suffix}")


@pytest.mark.parametrize(
    "command",
    [
        ["data", "inspect", "{data}", "--html", "{data}"],
        ["data", "inspect", "{data}", "--html", "{other}"],
        ["data", "inspect", "{data}", "--html", "{folder}"],
        ["train", "{data}", "--out", "{data}"],
        ["train", "{data}", "--out", "{folder}"],
        ["data", "prepare", "{table}", "--format", "table", "--detector", "lbp-frontal", "--out", "{table}"],
        ["data", "prepare", "{table}", "--format", "table", "--detector", "lbp-frontal", "--out", "{folder}"],
        ["protocol", "{data}", "--out", "{other}"],
    ],
    ids=lambda command: " ".join(command[:2] + command[-2:]),
)
def test_what_is_not_an_output_of_the_command_is_not_overwritten(features: Path, command: list[str]) -> None:
    folder = features.parent
    cv2.imwrite(str(folder / "face.png"), data.astronaut()[:240, :320, ::-1])
    (folder / "table.csv").write_text(PEOPLE.format("face.png", "face.png"))
    (folder / "other.html").write_text("<p>mine</p>")
    (folder / "full").mkdir()
    (folder / "full" / "mine.txt").write_text("mine")
    places = {"data": "people.npz", "table": "table.csv", "other": "other.html", "folder": "full"}
    before = {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    refused(*(part.format(**{name: folder / place for name, place in places.items()}) for part in command))
    assert {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()} == before


def test_a_folder_of_links_is_read_like_files(tmp_path: Path, features: Path) -> None:
    """A hub's cache holds the content under its hash and the snapshot as links to it."""
    (tmp_path / "blobs").mkdir()
    blob = features.rename(tmp_path / "blobs" / "8f3a")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "people.npz").symlink_to(blob)
    assert len(load_table(str(tmp_path / "snapshot" / "people.npz"))) == 20
