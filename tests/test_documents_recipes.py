"""The README's exports, one for each recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.bundle.recipe import recipe_names
from tests.readme import run_block, run_script

SMALL = (
    "pen-mobile train synthetic:sources=3,targets=1,seconds=20,fps=2 --backbone resnet18 --weights none "
    "--input-size 64 --max-steps 5 --seed 1 --out small"
)


@pytest.mark.slow
def test_every_recipe(tmp_path: Path) -> None:
    """All recipes of one small run; the block names every one that there is."""
    run_script(SMALL, tmp_path)
    run_block("with every recipe", tmp_path)
    for name in recipe_names():
        assert (tmp_path / name / "manifest.json").exists(), name
