"""The README stays true: its commands run, in its order, and the files it names exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from skimage import io

from tests.data.detectors.photographs import EYES, photograph
from tests.readme import README, REPOSITORY, run_block, run_script
from tests.recordings import write_recola


@pytest.mark.slow
def test_the_tour_from_people_to_a_phone(tmp_path: Path) -> None:
    """Every command of the tested block in an empty folder: full-size ResNet-50, nine experts."""
    output = run_block("tested", tmp_path)
    assert (tmp_path / "bundle" / "backbone.pte").stat().st_size > 90_000_000
    assert (tmp_path / "bundle" / "head-parameters.f32").stat().st_size == 4 * 27 * 2049  # 55,323 parameters
    assert (tmp_path / "me.sqlite").exists()
    assert '"valence"' in output
    run_block("tested after the tour", tmp_path)
    assert (tmp_path / "mine.zip").exists()
    run_block("a day, after the tour", tmp_path)
    assert (tmp_path / "day" / "day.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_tour_from_recordings(tmp_path: Path, blazeface_model: Path) -> None:
    """Recordings made in RECOLA's format, a real face in them, and a table of features."""
    write_recola(tmp_path / "RECOLA")
    rng = np.random.default_rng(0)
    subject = np.repeat(["ann", "ben", "eve"], 20)
    role = np.repeat(["source", "source", "target"], 20)
    np.savez(
        tmp_path / "features.npz", z=rng.normal(size=(60, 8)), y=rng.uniform(-1, 1, (60, 2)), subject=subject, role=role
    )
    output = run_block("tested on recordings", tmp_path)
    assert "people: 36 rows of 3 recordings" in output  # 3 x 12 moments, none left out
    assert "features.npz: 60 rows" in output
    assert '"detector": "blazeface"' in (tmp_path / "people" / "prepared.json").read_text()
    # The phone cuts faces out as the recordings' were.
    io.imsave(tmp_path / "photo.png", photograph())
    run_script("pen-mobile export run --recipe android-fp32 --out bundle -q", tmp_path)
    found = json.loads(run_script("pen-mobile predict bundle photo.png --json", tmp_path))["images"]["photo.png"]
    crop = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["backbone"]["crop"]
    assert crop == {"detector": "blazeface", "margin": 3.0, "eye_height": 0.4, "size": 224}
    np.testing.assert_allclose([list(found["face"][eye].values()) for eye in ("right_eye", "left_eye")], EYES, atol=3)


@pytest.mark.slow
def test_the_evaluation(tmp_path: Path) -> None:
    """Three seeds on a small table: 3 source people, 2 target people, 80 seconds each."""
    rng = np.random.default_rng(0)
    subject, z = np.repeat(["ann", "ben", "cleo", "dora", "eve"], 80), rng.normal(size=(400, 8))
    role = np.where(subject < "d", "source", "target")
    y = np.tanh(z[:, :2] + 0.3 * z[:, 2:4])
    np.savez(tmp_path / "features.npz", z=z, y=y, subject=subject, role=role)
    output = run_block("tested on features", tmp_path)
    assert "Table 1: one head adapted to all target people together, as in the paper" in output
    assert "Table 2" in output
    assert "results.json: 3 seeds, 400 rows of 3 source and 2 target people" in output
    assert (tmp_path / "evaluation" / "report.html").stat().st_size > 100_000
    assert len(json.loads((tmp_path / "evaluation" / "results.json").read_text())["sources"]) == 3


def test_every_file_that_the_documents_name_exists() -> None:
    for document in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_folder_of_the_layout_exists() -> None:
    layout = README.split("## Layout")[1].split("## ")[0]
    folders = re.findall(r"^\| `?([a-z_/]+)`?", layout, flags=re.MULTILINE)
    assert len(folders) >= 8
    for folder in folders:
        if folder != "folder":
            assert (REPOSITORY / folder).is_dir(), folder


def test_documented_settings_are_the_defaults(tmp_path: Path) -> None:
    """docs/training.md shows every setting with its default."""
    import dataclasses

    from pen_mobile.training.config import LearningConfig

    block = re.search(r"```toml\n(.*?)```", (REPOSITORY / "docs/training.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    path = tmp_path / "c.toml"
    path.write_text(block[1])
    assert LearningConfig.load(path) == LearningConfig()
    for field in dataclasses.fields(LearningConfig):
        assert re.search(rf"^(# )?{field.name} = ", block[1], re.MULTILINE), field.name
