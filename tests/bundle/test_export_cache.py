"""The same export again is a copy of what was proved; anything else is made anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.export_cache import export_again
from pen_mobile.bundle.export_result import ExportResult
from pen_mobile.bundle.recipe import Recipe, load_recipe
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.errors import BadInput
from pen_mobile.training.run_folder import Run
from pen_mobile.utils.validation import validated
from tests.small_world import quick_recipe

pytestmark = pytest.mark.slow

COPY = """
import sys
from pathlib import Path
from pen_mobile.bundle.export_cache import export_again
from pen_mobile.bundle.recipe import load_recipe
run, out = map(Path, sys.argv[1:])
assert export_again(run, load_recipe("android-fp32"), out) is not None
assert "torch" not in sys.modules
"""


@pytest.fixture
def run(small_run: Path, small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of ``small_run`` after ``small_bundle`` was made of it."""
    return Path(shutil.copytree(small_run, tmp_path / "run"))


@pytest.fixture
def recipe() -> Recipe:
    """The recipe of ``small_bundle``."""
    return load_recipe("android-fp32")


def _kept(run: Path, bundle: Path) -> Path:
    seal = (bundle / "manifest.json.sha256").read_bytes()
    (found,) = (kept for kept in run.glob("lowered/*/bundle") if (kept / "manifest.json.sha256").read_bytes() == seal)
    return found


def _content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_copy_has_every_byte_and_says_what_the_export_found(
    run: Path, small_bundle: Path, recipe: Recipe, tmp_path: Path
) -> None:
    first = validated(ExportResult, export_bundle(Run.open(run), recipe, tmp_path / "first").to_dict(), "first")
    again = export_again(run, recipe, tmp_path / "again")
    assert again is not None
    assert again.again
    assert (again.verification, again.bytes, again.outside_delegate) == (
        first.verification,
        first.bytes,
        first.outside_delegate,
    )
    assert _content(tmp_path / "again") == _content(small_bundle)


def test_torch_is_not_needed_for_a_copy(run: Path, tmp_path: Path) -> None:
    """Its import takes longer than everything else."""
    subprocess.run([sys.executable, "-c", COPY, str(run), str(tmp_path / "again")], check=True)


def test_another_recipe_or_other_weights_are_another_export(run: Path, recipe: Recipe, tmp_path: Path) -> None:
    other = recipe.model_copy(update={"adaptation": recipe.adaptation.model_copy(update={"steps": 7})})
    assert export_again(run, other, tmp_path / "again") is None
    weights = run / "4-experts.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert export_again(run, recipe, tmp_path / "again") is None
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("file", ["head.pte", "manifest.json", "../exported.json"])
def test_what_was_changed_since_is_made_anew(
    run: Path, small_bundle: Path, recipe: Recipe, tmp_path: Path, file: str
) -> None:
    damaged = _kept(run, small_bundle) / file
    content = damaged.read_bytes()
    damaged.unlink()  # a program shares its bytes with another name
    damaged.write_bytes(content[: len(content) // 2])
    assert export_again(run, recipe, tmp_path / "again") is None
    export_bundle(Run.open(run), recipe, tmp_path / "new")
    assert export_again(run, recipe, tmp_path / "again") is not None


def test_programs_are_kept_once(small_run: Path, tmp_path: Path) -> None:
    """The bundle that is kept and the program that is kept are one file, where the file system has links."""
    run = Path(shutil.copytree(small_run, tmp_path / "run", ignore=shutil.ignore_patterns("lowered")))
    export_bundle(Run.open(run), quick_recipe(), tmp_path / "bundle")
    assert (_kept(run, tmp_path / "bundle") / "head.pte").stat().st_nlink == 2


def test_what_exists_is_refused(run: Path, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    with pytest.raises(BadInput, match="exists already"):
        export_again(run, recipe, tmp_path / "again")


def test_a_run_that_cannot_be_written_to_exports_all_the_same(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "lowered")
    (run / "lowered").write_text("in the way")
    export_bundle(Run.open(run), quick_recipe(), tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle")
