"""``pen-mobile data``: a RECOLA tree made here is prepared, inspected and learned from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data, io

from pen_mobile.cli.main import cli
from pen_mobile.data.load import load_table
from pen_mobile.errors import BadInput
from tests.recordings import FRAMES, NAMES, write_recola

LBP = ("--detector", "lbp-frontal")


@pytest.fixture
def recola(tmp_path: Path) -> Path:
    write_recola(tmp_path / "recola")
    return tmp_path / "recola"


def run(*arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json", "-q"])
    assert result.exception is None, result.exception
    document: dict[str, object] = json.loads(result.stdout)
    return document


@pytest.mark.slow
def test_prepare_inspect_train(recola: Path, tmp_path: Path) -> None:
    people = tmp_path / "people"
    made = run("data", "prepare", recola, "--format", "recola", "--out", people, "--size", 32, "--jobs", 1, *LBP)
    assert made["rows"] == len(NAMES) * FRAMES
    page = tmp_path / "people.html"
    seen = run("data", "inspect", people, "--html", page)
    assert seen["rows"] == len(NAMES) * FRAMES
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    small = ("--backbone", "resnet18", "--weights", "none", "--input-size", 32, "--max-steps", 1, "--device", "cpu")
    run("train", people, "--out", tmp_path / "run", *small)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["source_subjects"] == ["train_1", "train_2"]
    assert record["data"]["crop"] == {"detector": "lbp-frontal", "margin": 3.0, "eye_height": 0.4, "size": 32}


def test_a_table_of_pictures_is_prepared(tmp_path: Path) -> None:
    """Two pictures of one person, named by a table; times are given in seconds."""
    for name in ("a.png", "b.png"):
        io.imsave(tmp_path / name, data.astronaut())
    (tmp_path / "people.csv").write_text(
        "subject,role,time_s,valence,arousal,image\nann,source,1,0.5,-0.5,b.png\nann,source,0,0.25,0,a.png\n"
    )
    made = run("data", "prepare", tmp_path / "people.csv", "--format", "table", "--out", tmp_path / "people", *LBP)
    assert made["rows"] == 2
    table = load_table(str(tmp_path / "people"))
    assert table.time_s.tolist() == [0, 1]
    assert table.affect.tolist() == [[0.25, 0], [0.5, -0.5]]


def test_what_is_not_of_the_format_is_refused(tmp_path: Path) -> None:
    command = ["data", "prepare", str(tmp_path), "--out", str(tmp_path / "out"), "--format"]
    refused = CliRunner().invoke(cli, [*command, "recola"]).exception
    assert isinstance(refused, BadInput)
    assert "ratings_gold_standard" in str(refused)
    refused = CliRunner().invoke(cli, [*command, "afew-va", "--lag", "1", "1"]).exception
    assert isinstance(refused, BadInput)
    assert "--lag belongs to recola" in str(refused)
    assert not (tmp_path / "out").exists()


def test_a_page_replaces_a_page_and_nothing_else(tmp_path: Path) -> None:
    """The data themselves, a picture or a folder under the page's name are refused before anything is read."""
    table = tmp_path / "d.npz"
    rng = np.random.default_rng(0)
    subject, role = np.repeat(["a", "b"], 20), np.full(40, "source")
    np.savez(table, z=rng.standard_normal((40, 4)), y=rng.uniform(-1, 1, (40, 2)), subject=subject, role=role)
    before = table.read_bytes()
    for wrong in (table, tmp_path):
        refusal = CliRunner().invoke(cli, ["data", "inspect", str(table), "--html", str(wrong)]).exception
        assert isinstance(refusal, BadInput)
    assert "exists and is not a page of pen-mobile" in str(
        CliRunner().invoke(cli, ["data", "inspect", str(table), "--html", str(table)]).exception
    )
    assert table.read_bytes() == before
    page = tmp_path / "d.html"
    for _ in range(2):
        run("data", "inspect", table, "--html", page)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
