"""The README stays true: its commands run, in its order, and the files it names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_tour_from_people_to_a_phone(tmp_path: Path) -> None:
    """Every command of the tested block in an empty folder: full-size ResNet-50, nine experts."""
    blocks = re.findall(r"<!-- tested -->\n```bash\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 1
    script = "set -e\n" + "\n".join(blocks)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bundle" / "backbone.pte").stat().st_size > 90_000_000
    assert (tmp_path / "bundle" / "head-parameters.f32").stat().st_size == 4 * 27 * 2049  # 55,323 parameters
    assert (tmp_path / "me.sqlite").exists()
    assert '"valence"' in done.stdout


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

    from pen_mobile.learning.config import LearningConfig

    block = re.search(r"```toml\n(.*?)```", (REPOSITORY / "docs/training.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    path = tmp_path / "c.toml"
    path.write_text(block[1])
    assert LearningConfig.load(path) == LearningConfig()
    for field in dataclasses.fields(LearningConfig):
        assert re.search(rf"^(# )?{field.name} = ", block[1], re.MULTILINE), field.name
