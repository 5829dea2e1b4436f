"""The README's exports, one for each recipe."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pen_mobile.bundle.recipe import recipe_names
from tests.readme import readme_block, run_one, run_script

SMALL = (
    "pen-mobile train synthetic:sources=3,targets=1,seconds=20,fps=2 --backbone resnet18 --weights none "
    "--input-size 64 --max-steps 5 --seed 1 --out small"
)
BLOCK = readme_block("with every recipe")
(NAMED,) = re.findall("^for recipe in (.*); do$", BLOCK.text, re.MULTILINE)


def export(names: list[str], folder: Path) -> None:
    """Run the block's loop over some recipes, on the run ``small`` in a folder."""
    run_one(BLOCK._replace(text=BLOCK.text.replace(NAMED, " ".join(names))), folder)
    for name in names:
        assert (folder / name / "manifest.json").exists(), name


def test_the_block_names_every_recipe() -> None:
    assert sorted(NAMED.split()) == recipe_names()


@pytest.mark.slow
def test_android_recipes(run_folder: Path, tmp_path: Path) -> None:
    """Of the run that all tests share: the programs of its head have been made."""
    shutil.copytree(run_folder, tmp_path / "small")
    export([name for name in NAMED.split() if name.startswith("android")], tmp_path)


@pytest.mark.slow
def test_ios_recipes(tmp_path: Path) -> None:
    """Not ``ios-coreml``, which is exported by the next test and in tests/bundle/coreml/test_coreml.py."""
    run_script(SMALL, tmp_path)
    names = [name for name in NAMED.split() if name.startswith("ios") and name != "ios-coreml"]
    assert len(names) >= 2
    export(names, tmp_path)


@pytest.mark.nightly
@pytest.mark.slow
def test_every_recipe_of_one_run(tmp_path: Path) -> None:
    run_script(SMALL, tmp_path)
    export(NAMED.split(), tmp_path)
