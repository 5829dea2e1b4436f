"""The README's exports, one for each recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pen_mobile.bundle.recipe import recipe_names
from tests.nightly import NIGHTLY
from tests.readme import readme_block, run_one, run_script

SMALL = (
    "pen-mobile train synthetic:sources=3,targets=1,seconds=20,fps=2 --backbone resnet18 --weights none "
    "--input-size 64 --max-steps 5 --seed 1 --out small"
)
EXPORTED_ELSEWHERE = {
    "android-fp32": "the bundles of conftest.py",
    "android-int8": "tests/bundle/quantization/test_int8.py",
    "android-vulkan": "tests/bundle/quantization/test_int8.py",
    "ios-coreml": "tests/bundle/coreml/test_coreml.py",
}
"""Recipes whose bundles other tests of every run export and verify; here they are exported every night."""


@pytest.mark.slow
def test_every_recipe(tmp_path: Path) -> None:
    """The block names every recipe that there is; its commands make bundles of one small run."""
    block = readme_block("with every recipe")
    (named,) = re.findall("^for recipe in (.*); do$", block.text, re.MULTILINE)
    assert sorted(named.split()) == recipe_names()
    names = [name for name in named.split() if NIGHTLY or name not in EXPORTED_ELSEWHERE]
    run_script(SMALL, tmp_path)
    run_one(block._replace(text=block.text.replace(named, " ".join(names))), tmp_path)
    assert len(names) >= 2
    for name in names:
        assert (tmp_path / name / "manifest.json").exists(), name
