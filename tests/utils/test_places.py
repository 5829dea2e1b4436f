"""Records name data by relative paths: a folder moves with its data, and tells nothing of its owner."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.load import load_table
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils import provenance
from pen_mobile.utils.places import place_from, relative_place


@pytest.mark.parametrize(
    ("place", "stored"),
    [
        ("people.npz", "../people.npz"),
        ("./data/../people.npz", "../people.npz"),
        ("data/people.csv", "../data/people.csv"),
        ("run/people.csv", "people.csv"),
        ("mit Leer/süß.csv", "../mit Leer/süß.csv"),
        ("a:b.csv", "../a:b.csv"),
        ("synthetic:sources=2,seed=1", "synthetic:sources=2,seed=1"),
        ("synthetic", "synthetic"),
        ("imagenet", "imagenet"),
        ("none", "none"),
    ],
)
def test_a_place_is_stored_relative_to_its_record_and_found_again_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, stored: str
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(home)
    assert relative_place(place, Path("run")) == stored
    if stored == place:
        assert place_from(stored, home / "run") == place
        return
    assert relative_place(str(home / place), home / "run") == stored
    monkeypatch.chdir(elsewhere)
    assert Path(place_from(stored, Path("../home/run"))).resolve() == (home / place).resolve()


def write_people(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    path = folder / "people.npz"
    np.savez(
        path,
        z=rng.standard_normal((40, 4), np.float32),
        y=rng.uniform(-1, 1, (40, 2)).astype(np.float32),
        subject=np.repeat(["a", "b"], 20),
        role=np.full(40, "source"),
    )
    return path


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("moved", [False, True])
def test_a_run_finds_its_data_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool, moved: bool
) -> None:
    project = tmp_path / "project"
    data = write_people(project)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pen-mobile", "train", str(data), f"--out={project / 'run'}"])
    given = str(data) if absolute else "people.npz"
    learn_source(load_table(given), LearningConfig(head_epochs=1, joint_epochs=1), Path("run"))
    if moved:
        project = shutil.move(project, tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = Run.open(Path(project) / "run")
    assert load_table(run.origin).digest == run.record.data.digest
    assert str(tmp_path) not in (Path(project) / "run" / "run.json").read_text()


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("{here}/data.csv", "data.csv"),
        ("--out={here}/run", "--out=run"),
        ("-o={here}/run", "-o=run"),
        ("--seed=3", "--seed=3"),
        ("synthetic:fps=1", "synthetic:fps=1"),
        ("../data.csv", "../data.csv"),
    ],
)
def test_a_recorded_command_holds_no_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "pen-mobile"), argument.format(here=tmp_path)])
    assert provenance.command() == f"pen-mobile {expected}"
