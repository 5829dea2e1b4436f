"""A bundle is proven equal to what was trained, or it does not come to be."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.bundle.recipe import Recipe, load_recipe, recipe_names
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.bundle.verify_adapt import adapt_checks
from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.bundle_folder import open_bundle, seal
from pen_mobile.contract.part import FilePart
from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput, PenMobileError, Refused
from pen_mobile.metrics import Agreement
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.training.features import extract_features
from pen_mobile.training.run_folder import Run
from pen_mobile.utils.files import sha256_of_file
from tests.owners import a_prior
from tests.small_world import quick_recipe


def test_exported_equals_eager(bundle_folder: Path, run_folder: Path, people: FrameTable) -> None:
    """Features and affect of frames that are not golden ones, within 1e-4 of eager torch."""
    run, runtime = Run.open(run_folder), BundleRuntime(open_bundle(bundle_folder))
    backbone = run.backbone()
    assert backbone is not None
    frames = people.frames.read(slice(0, 40))
    expected = extract_features(backbone, frames)
    features = runtime.features(frames)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    with torch.no_grad():
        eager = run.expert_head()(torch.from_numpy(expected))
    affect, gate = runtime.predict(runtime.head_parameters(), features)
    np.testing.assert_allclose(affect, eager.affect.numpy(), atol=1e-4)
    np.testing.assert_allclose(gate, eager.gate.numpy(), atol=1e-4)


def test_whoever_may_read_the_manifest_may_read_every_file(bundle_folder: Path) -> None:
    assert len({path.stat().st_mode & 0o777 for path in bundle_folder.iterdir()}) == 1


def test_verify_reports_every_check_with_its_tolerance(bundle_folder: Path) -> None:
    verification = verify_bundle(open_bundle(bundle_folder))
    names = [check.name for check in verification.checks]
    trained = [f"adadelta: {what}" for what in ("loss", "head parameters")]
    adapt = [f"adapt: {what}" for what in ("targets", "report", "verdicts")]
    here = open_bundle(bundle_folder).manifest.face is not None  # where the weights are on this machine
    face = ["face: places", "face: probabilities"] if here else []
    assert names == ["features", "targets", "gate", *trained, *adapt, *face]
    assert verification.passed
    tolerances = [check.tolerance for check in verification.checks]
    assert tolerances == [1e-4] * 3 + [1e-5] * 2 + [1e-4, 1e-3, 0] + [1e-4] * len(face)
    assert verification.agreement.ccc is not None
    assert verification.agreement.ccc > 0.9999


def test_verify_notices_a_wrong_answer(bundle_folder: Path, tmp_path: Path) -> None:
    """A golden answer moved by 0.01 and sealed again: hashes agree, the programs do not.

    The difference is relative to the largest expected value where that is above 1.
    """
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_folder, folder)
    bundle = open_bundle(folder)
    path = bundle.file(bundle.manifest.golden.file)
    golden = Golden.read(path)
    moved = golden.targets + np.float32(0.01)
    dataclasses.replace(golden, targets=moved).write(path)
    part = FilePart(bytes=path.stat().st_size, sha256=sha256_of_file(path))
    seal(folder, bundle.manifest.model_copy(update={"files": bundle.manifest.files | {path.name: part}}))
    failed = [check for check in verify_bundle(open_bundle(folder)).checks if not check.passed]
    assert [check.name for check in failed] == ["targets"]
    assert failed[0].largest_error == pytest.approx(0.01 / max(np.abs(moved).max(), 1), abs=1e-4)


@pytest.fixture
def feature_run(small_run: Path) -> Run:
    """A run on features: it exports in seconds, because it has no backbone and its programs are kept."""
    return Run.open(small_run)


def test_a_recipe_that_cannot_be_met_leaves_nothing(feature_run: Run, tmp_path: Path) -> None:
    recipe = load_recipe("android-fp32")
    strict = recipe.model_copy(update={"tolerance": recipe.tolerance.model_copy(update={"train": 1e-30})})
    with pytest.raises(PenMobileError, match=r"android-fp32.*more than the 1e-30 it allows; nothing was exported"):
        export_bundle(feature_run, strict, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_prior_that_float32_cannot_compute_names_its_rows(feature_run: Run, tmp_path: Path) -> None:
    recipe = load_recipe("android-fp32")
    strict = recipe.model_copy(update={"tolerance": recipe.tolerance.model_copy(update={"report": 1e-30})})
    data = feature_run.record.data
    people = rf"{data.rows} rows of {len(data.source_subjects)} people.*learn from more"
    with pytest.raises(PenMobileError, match=rf"adapt: report differ .*nothing was exported .*{people}"):
        export_bundle(feature_run, strict, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_lambda_1_is_the_run_s_unless_the_recipe_says_otherwise(feature_run: Run, tmp_path: Path) -> None:
    """The recipe wins, and the export says so."""
    recipe = quick_recipe("adam", "sgd")
    stated = recipe.model_copy(update={"head": recipe.head.model_copy(update={"lambda_1": 0.25})})
    recipes = {"0": recipe, "1": stated}
    notes = [export_bundle(feature_run, one, tmp_path / name).notes for name, one in recipes.items()]
    defaults = [open_bundle(tmp_path / name).manifest.head.train[0].default_hyper()[1] for name in recipes]
    assert defaults == [feature_run.config.lambda_1, 0.25]
    about_lambda = [[note for note in some if "lambda_1" in note] for some in notes]
    assert about_lambda == [[], ["lambda_1 is 0.25 as recipe android-fp32 says; the run learned with 0.001"]]


@pytest.mark.slow
def test_a_recipe_may_name_other_optimizers(feature_run: Run, tmp_path: Path) -> None:
    result = export_bundle(feature_run, quick_recipe("adam", "sgd"), tmp_path / "bundle")
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert (manifest.head.optimizers, manifest.adaptation.optimizer) == (["adam", "sgd"], "adam")
    trained = [check for check in result.verification.checks if check.name.endswith(("loss", "head parameters"))]
    assert [check.name for check in trained] == [
        f"{one}: {what}" for one in ("adam", "sgd") for what in ("loss", "head parameters")
    ]
    assert all(check.passed for check in trained)


def test_a_model_that_estimates_nothing_is_called_so(feature_run: Run, tmp_path: Path) -> None:
    """Its recorded error is made larger than always answering 0 could have."""
    record = feature_run.record
    absurd = {name: Agreement(one.root | {"rmse_valence": 9.9}) for name, one in record.validation.items()}
    run = Run(feature_run.folder, dataclasses.replace(record, validation=absurd))
    notes = export_bundle(run, load_recipe("android-fp32"), tmp_path / "bundle").notes
    assert len(notes) == 1
    assert "the error (RMSE) is 9.90; always answering 0 could not err by more than 1" in notes[0]


@pytest.mark.slow
def test_a_prior_becomes_the_method_adapt(feature_run: Run, tmp_path: Path) -> None:
    """Verified on label sets of every kind, whose verdicts are not all the same."""
    shutil.copytree(feature_run.folder, tmp_path / "run")
    prior = a_prior(feature_run.record.feature_size)
    prior.save(Run.open(tmp_path / "run").prior_file)
    recipe = load_recipe("android-fp32")
    quick = recipe.model_copy(update={"head": recipe.head.model_copy(update={"steps_per_call": 1})})
    result = export_bundle(Run.open(tmp_path / "run"), quick, tmp_path / "bundle")
    checks = {check.name: check for check in result.verification.checks}
    assert checks["adapt: targets"].largest_error < 1e-5
    assert checks["adapt: verdicts"].passed
    assert result.outside_delegate["adapt"] == []
    bundle = open_bundle(tmp_path / "bundle")
    part, golden = bundle.manifest.head.adapt, read_golden(bundle)
    assert part is not None
    assert (part.labels, part.noise_seconds, part.margin) == (128, prior.noise_length.tolist(), 0.01)
    verdicts = {name: report[ReportRow.VERDICT].tolist() for name, report in golden.adapt_reports.items()}
    assert verdicts["honest"] == verdicts["clustered"] == [Verdict.ADAPTED, Verdict.ADAPTED]
    assert verdicts["inverted"] == [Verdict.CONTRADICTS_HEAD, Verdict.CONTRADICTS_HEAD]
    other_reports = {name: 1 + report for name, report in golden.adapt_reports.items()}
    moved = dataclasses.replace(golden, adapt_reports=other_reports)
    wrong = adapt_checks(BundleRuntime(bundle), moved, BundleRuntime(bundle).head_parameters())
    assert [check.passed for check in wrong] == [True, False, False]


def test_an_existing_folder_is_refused_before_any_work(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    with pytest.raises(BadInput, match="exists already"):
        export_bundle(Run.open(run_folder), load_recipe("android-fp32"), tmp_path)
    assert (tmp_path / "precious").read_text() == "kept"


def test_features_that_only_rounding_tells_apart_are_refused(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder, tmp_path / "run", ignore=shutil.ignore_patterns("lowered"))
    run = Run.open(tmp_path / "run")
    mean, std = run.feature_statistics()
    run.save_feature_statistics(mean, std * 1e-6 * np.linalg.norm(mean) / np.linalg.norm(std))
    with pytest.raises(Refused, match=r"1e-06 of their size.*Train longer, or start from pretrained weights"):
        export_bundle(run, load_recipe("android-fp32"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_run_on_features_exports_a_head_without_backbone_and_the_same_bytes_twice(
    feature_run: Run, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        export_bundle(feature_run, load_recipe("android-fp32"), tmp_path / name)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    bundle = open_bundle(tmp_path / "one")
    assert bundle.manifest.backbone is None
    assert bundle.manifest.head.feature_size == 16
    with pytest.raises(BadInput, match="no backbone"):
        BundleRuntime(bundle).features(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("name", recipe_names())
def test_every_built_in_recipe_is_valid_and_named_after_its_file(name: str) -> None:
    assert load_recipe(name).name == name


def test_recipe_errors_name_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no recipe 'andriod'; did you mean 'android-"):
        load_recipe("andriod")
    text = Path(_recipe_file()).read_text()
    broken = tmp_path / "mine.toml"
    broken.write_text(text.replace("batch = 32", "batch = 0"))
    with pytest.raises(BadInput, match=r"mine\.toml: head\.batch: .*greater than or equal to 1"):
        load_recipe(str(broken))
    broken.write_text(text.replace("batch = 32", "bach = 32"))
    with pytest.raises(BadInput, match=r"mine\.toml: head\."):
        load_recipe(str(broken))


def _recipe_file() -> Path:
    from pen_mobile.utils.resources import contract_folder

    return contract_folder() / "android-fp32.toml"


def test_recipe_is_frozen() -> None:
    recipe: Recipe = load_recipe("android-fp32")
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"  # type: ignore[misc]
