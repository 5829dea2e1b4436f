"""Benchmarks run in their quick forms, so that none rots; times are not judged here."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

from pen_mobile.bundle.recipe import Recipe, load_recipe, recipe_names
from tests.warm_commands import warm_programs

FOLDER = Path(__file__).parent.parent.parent / "benchmarks"
KEEP_BUNDLES = {"adapting.py", "personalize.py"}
HELPERS = {"bundles.py", "compare.py", "measure.py", "plots.py", "tables.py"}
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in HELPERS)
LONG = {
    *("adapt_method.py", "adapting.py", "asking.py", "backbones.py", "export_time.py", "personalize.py"),
    *("predict_command.py", "protocol.py", "recipes.py", "train_command.py", "train_step.py"),
}
"""They export bundles with programs that take long to lower, start processes, or work on all threads."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first benchmark leaves its tiny bundle for the second."""
    return tmp_path_factory.mktemp("bundles")


@pytest.mark.slow
@pytest.mark.parametrize("script", [pytest.param(one, marks=[pytest.mark.nightly] * (one in LONG)) for one in SCRIPTS])
def test_quick_form(script: str, bundles: Path) -> None:
    options = ["--bundles", str(bundles)] if script in KEEP_BUNDLES else []
    assert run_script(script, "--quick", *options)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_it_can_be_imported_and_says_what_it_takes(script: str) -> None:
    assert "--quick" in run_script(script, "--help")


def test_recipes_that_benchmarks_change_can_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick forms export nothing in int8, whose tolerances the long ones widen."""
    monkeypatch.syspath_prepend(str(FOLDER))
    helper, export_time = importlib.import_module("bundles"), importlib.import_module("export_time")
    for name in recipe_names():
        Recipe.model_validate(helper.lenient(load_recipe(name)).model_dump(exclude_unset=True))
    load_recipe(str(export_time.edited("android-int8", tmp_path, export_time.LENIENT)))


def run_script(name: str, *options: str) -> str:
    """Run a benchmark; return what it printed."""
    command = [warm_programs() / "run-script", FOLDER / name, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
