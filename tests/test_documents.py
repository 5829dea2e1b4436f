"""The documents stay true: the tutorials' commands run, and the files, folders and settings that they name exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.data.detectors.photographs import EYES
from tests.readme import README, REPOSITORY, run_document, run_script
from tests.recordings import write_recola

DOCS = REPOSITORY / "docs"
DOCUMENTS = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *(REPOSITORY / name for name in ("export/README.md", "export/BUNDLE.md", "benchmarks/README.md")),
]


@pytest.mark.slow
def test_the_tutorial_from_recordings_to_a_bundle(tmp_path: Path, blazeface_model: Path) -> None:
    """Recordings made in RECOLA's format, a real face in them; the phone cuts faces out as the recordings' were."""
    write_recola(tmp_path / "RECOLA")
    output = run_document(DOCS / "tutorials" / "recordings-to-bundle.md", tmp_path)
    assert "people: 36 rows of 3 recordings" in output  # 3 x 12 moments, none left out
    assert '"detector": "blazeface"' in (tmp_path / "people" / "prepared.json").read_text()
    found = json.loads(run_script("pen-mobile predict bundle photo.png --json", tmp_path))["images"]["photo.png"]
    crop = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["backbone"]["crop"]
    assert crop == {"detector": "blazeface", "margin": 3.0, "eye_height": 0.4, "size": 224}
    eyes = [[found["face"][eye][axis] for axis in ("x", "y")] for eye in ("right_eye", "left_eye")]
    np.testing.assert_allclose(eyes, EYES, atol=3)


@pytest.mark.slow
def test_the_tutorial_from_features_to_table_1(tmp_path: Path) -> None:
    """Three seeds on a small table: 3 source people, 2 target people, 80 seconds each."""
    output = run_document(DOCS / "tutorials" / "features-to-table-1.md", tmp_path)
    assert "features.npz: 400 rows" in output
    assert "Table 1: one head adapted to all target people together, as in the paper" in output
    assert "results.json: 3 seeds, 400 rows of 3 source and 2 target people" in output
    assert (tmp_path / "evaluation" / "report.html").stat().st_size > 100_000
    assert len(json.loads((tmp_path / "evaluation" / "results.json").read_text())["sources"]) == 3


def test_every_file_that_the_documents_name_exists() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_folder_of_the_layout_exists() -> None:
    layout = README.split("## Layout")[1].split("## ")[0]
    folders = re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]+) \|", layout, flags=re.MULTILINE)))
    assert len(folders) >= 8
    for folder in folders:
        assert (REPOSITORY / folder).is_dir(), folder


def test_documented_settings_are_the_defaults(tmp_path: Path) -> None:
    """docs/training.md shows every setting with its default."""
    import dataclasses

    from pen_mobile.training.config import LearningConfig

    block = re.search(r"```toml\n(.*?)```", (DOCS / "training.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    path = tmp_path / "c.toml"
    path.write_text(block[1])
    assert LearningConfig.load(path) == LearningConfig()
    for field in dataclasses.fields(LearningConfig):
        assert re.search(rf"^(# )?{field.name} = ", block[1], re.MULTILINE), field.name
