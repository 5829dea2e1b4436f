"""The face detector in a bundle, from a file with invented weights: the whole way, wherever it is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.face import find_face_model, lower_face
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import MANIFEST, open_bundle
from pen_mobile.contract.manifest import Manifest
from pen_mobile.data.detectors.model_file import FACE_MODEL
from pen_mobile.errors import BundleError
from pen_mobile.phone.phone import Phone
from pen_mobile.training.run_folder import Run
from tests.data.detectors.photographs import photograph
from tests.face_bundle import add_face
from tests.small_world import quickened
from tests.tflite_file import layers, write_tflite


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tflite(tmp_path_factory.mktemp("weights") / "face.tflite", layers(seed=1))


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("face")
    return add_face(bundle_folder, weights, folder / "bundle", LoweredCache(folder / "lowered"))


@pytest.mark.slow
def test_one_delegate_call_and_under_500_kb(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACE_MODEL, str(weights))
    model = find_face_model(None)
    assert model is not None
    program = lower_face(model, LoweredCache(tmp_path))
    assert program.delegate_calls == {"face": 1}
    assert program.outside_delegate == {"face": []}
    assert len(program.buffer) < 500_000
    assert lower_face(model, LoweredCache(tmp_path)).buffer == program.buffer


def test_which_weights_a_run_asks_for(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACE_MODEL, str(weights))
    assert find_face_model({"detector": "lbp-frontal"}) is None
    model = find_face_model({"detector": "blazeface"})
    assert model is not None
    assert model.path == weights


@pytest.mark.slow
def test_the_golden_vectors_judge_it(bundle: Path) -> None:
    verification = verify_bundle(open_bundle(bundle))
    assert {check.name for check in verification.checks} >= {"face: places", "face: probabilities"}
    assert verification.passed


def test_a_phone_runs_it(bundle: Path, weights: Path) -> None:
    """Invented weights see nothing sensible; a phone with them gives an answer or says that there is no face."""
    manifest = open_bundle(bundle).manifest
    assert manifest.face is not None
    with Phone.open(bundle) as phone:
        places, scores = phone.runtime.detect(photograph()[:128, :128])
    assert places.shape == (896, 8)
    assert scores.shape == (896,)
    assert 0 <= scores.min() < scores.max() <= 1


def test_another_detector_in_its_place_is_refused(bundle: Path, tmp_path: Path) -> None:
    """The file changed; or the manifest says another side than the program states."""
    changed = tmp_path / "changed"
    shutil.copytree(bundle, changed)
    content = bytearray((changed / "face.pte").read_bytes())
    content[-1] ^= 1
    (changed / "face.pte").write_bytes(content)
    with pytest.raises(BundleError, match=r"face\.pte was changed"):
        Phone.open(changed)
    values = json.loads((bundle / MANIFEST).read_text())
    values["backbone"]["crop"]["detector"] = "lbp-frontal"
    with pytest.raises(ValueError, match="does not ask for it"):
        Manifest.model_validate(values)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["ios-coreml"])
def test_core_ml(run_folder: Path, weights: Path, tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACE_MODEL, str(weights))
    result = export_bundle(Run.open(run_folder), quickened(load_recipe(recipe)), tmp_path / "bundle")
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert manifest.face is not None
    assert manifest.face.coreml is not None
    assert manifest.face.coreml.inputs == ["image"]
    assert {check.name for check in result.verification.checks if check.passed} >= {"face: places"}
    assert result.bytes["face.mlpackage.zip"] < 500_000
    assert np.isfinite(manifest.face.tolerance)
