"""int8 from the run to the runtime: smaller, inside its budget, and fast the second time."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.export_result import ExportResult
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered
from pen_mobile.bundle.quantization.int8_backbone import Int8Backbone
from pen_mobile.bundle.recipe import Recipe, load_recipe
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.models.heads import ExpertHead
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from tests.small_world import quickened

pytestmark = pytest.mark.slow

DATA = "synthetic:sources=3,targets=2,seconds=40,fps=2,seed=1"


@pytest.fixture(scope="module")
def run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of all tests, in a folder of our own: exports keep programs there."""
    folder = tmp_path_factory.mktemp("int8") / "run"
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("lowered"))
    return Run.open(folder)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """A small calibration, and a budget for features of a backbone that learned for three epochs."""
    small = {"calibration_frames": 24, "judged_frames": 40, "retune_head_epochs": 2}
    return _with(quickened(load_recipe("android-int8")), **small, min_cosine=0.9, max_ccc_loss=0.1)


def _with(recipe: Recipe, **settings: float) -> Recipe:
    assert recipe.quantization is not None
    return recipe.model_copy(update={"quantization": recipe.quantization.model_copy(update=settings)})


@pytest.fixture(scope="module")
def exported(run: Run, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportResult, Path]:
    folder = tmp_path_factory.mktemp("int8") / "bundle"
    return export_bundle(run, recipe, folder, data=DATA), folder


def test_int8_is_smaller_verified_and_says_what_it_cost(
    exported: tuple[ExportResult, Path], bundle_folder: Path
) -> None:
    done, folder = exported
    assert done.bytes["backbone.pte"] <= 0.27 * (bundle_folder / "backbone.pte").stat().st_size
    manifest = open_bundle(folder).manifest
    part = manifest.quantization
    assert manifest.precision == "int8"
    assert part is not None
    assert part == done.quantization
    assert part.judged_frames == 40
    assert part.cosine >= part.min_cosine
    assert part.tried[-1].cosine == part.cosine
    assert {trial.qat_epochs for trial in part.tried} == {0}  # nobody asked for fine-tuning
    names = [check.name for check in done.verification.checks]
    assert names[:3] == ["features", "CCC loss at export", "1 - feature cosine at export"]
    assert done.verification.passed
    assert done.verification.skipped == {}
    assert done.verification.outside_delegate["backbone.pte"] == []


def test_the_runtime_gives_features_near_the_float_models(
    exported: tuple[ExportResult, Path], bundle_folder: Path, people: FrameTable
) -> None:
    """On frames that were not golden; equal they must not be, or nothing was rounded."""
    frames = people.frames.read(slice(0, 20))
    int8, exact = (BundleRuntime(open_bundle(path)).features(frames) for path in (exported[1], bundle_folder))
    cosines = np.sum(int8 * exact, axis=1) / np.linalg.norm(int8, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0.9 < cosines.mean() < 0.999999


def test_the_second_export_needs_neither_data_nor_time(
    exported: tuple[ExportResult, Path], run: Run, recipe: Recipe, tmp_path: Path
) -> None:
    started = time.perf_counter()
    export_bundle(run, recipe, tmp_path / "again")  # without --data: nothing is calibrated
    assert time.perf_counter() - started < 15  # about one second on an idle machine
    for path in sorted(exported[1].iterdir()):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_a_damaged_cache_is_made_again(
    run: Run, recipe: Recipe, exported: tuple[ExportResult, Path], tmp_path: Path
) -> None:
    for program in (run.folder / "lowered").glob("*/program.bin"):
        if program.stat().st_size == exported[0].bytes["head.pte"]:
            program.write_bytes(b"damaged")
    done = export_bundle(run, recipe, tmp_path / "again")
    assert done.verification.passed


def test_a_budget_that_nothing_keeps_fails_and_says_what_was_tried(run: Run, recipe: Recipe, tmp_path: Path) -> None:
    strict = _with(recipe, min_cosine=1.0, qat_epochs=1, calibration_frames=8, judged_frames=8)
    tried = r"\(0 blocks in float: .*; 0 blocks in float after fine-tuning: .*\); nothing was exported"
    with pytest.raises(PenMobileError, match=tried):
        export_bundle(run, strict, tmp_path / "bundle", data=DATA)
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_features_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = FeatureTable(
        np.repeat(["a", "b"], 20),
        np.full(40, "source"),
        np.tile(np.arange(20.0), 2),
        rng.uniform(-1, 1, (40, 2)).astype(np.float32),
        features=rng.standard_normal((40, 8), dtype=np.float32),
    )
    run = learn_source(table, LearningConfig(head_epochs=1, joint_epochs=1), tmp_path / "run")
    with pytest.raises(BadInput, match="has none: it was learned on features; use android-fp32"):
        export_bundle(run, load_recipe("android-int8"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_head_was_tuned_on_int8_features(exported: tuple[ExportResult, Path]) -> None:
    done, folder = exported
    assert done.quantization is not None
    assert done.quantization.ccc_loss_retuned is not None
    assert done.quantization.ccc_loss_retuned <= done.quantization.ccc_loss + 1e-6  # the better of two heads ships
    assert np.isfinite(BundleRuntime(open_bundle(folder)).head_parameters()).all()


def test_vulkan_is_built_and_says_that_it_was_not_run(run: Run, tmp_path: Path) -> None:
    done = export_bundle(run, quickened(load_recipe("android-vulkan")), tmp_path / "bundle")
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert manifest.backbone is not None
    assert manifest.backbone.backend == "vulkan"
    verification = verify_bundle(open_bundle(tmp_path / "bundle"))
    assert verification.passed
    assert "VulkanBackend" in verification.skipped["features"]
    assert "not run" in verification.scope
    assert verification.checks[0].name == "targets"
    assert done.outside_delegate["forward"] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [('precision = "int8"', 'precision = "fp32"'), ('precision = "int8"', 'precision = "int8"\nbackend = "vulkan"')],
)
def test_precision_and_tables_must_agree(tmp_path: Path, old: str, new: str) -> None:
    from pen_mobile.utils.resources import contract_folder

    path = tmp_path / "mine.toml"
    path.write_text((contract_folder() / "android-int8.toml").read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=r"mine\.toml: .*int8"):
        load_recipe(str(path))


def test_what_was_kept_under_other_names_is_made_again(tmp_path: Path) -> None:
    cache, key = LoweredCache(tmp_path), {"backbone": "one"}
    cache.put(key, Lowered(b"program", {}, {}))
    cache.put_arrays(key | {"what": "int8"}, {"golden": np.zeros((2, 4)), "packed": np.zeros((6, 5))}, {})
    assert cache.get(key) is not None
    assert Int8Backbone.load(ExpertHead(4, 2), key, cache) is None
