"""The README's exports, one for each recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.bundle.recipe import recipe_names
from tests.readme import run_block


@pytest.mark.slow
def test_every_recipe(tmp_path: Path) -> None:
    """All recipes of one small run; the block names every one that there is."""
    run_block("tested with every recipe", tmp_path)
    for name in recipe_names():
        assert (tmp_path / name / "manifest.json").exists(), name
    assert "made with the key that was given" in run_block("tested with every recipe, then", tmp_path)
