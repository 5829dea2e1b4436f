"""A phone finds faces with the bundle's own program."""

from __future__ import annotations

import math
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.detectors.blazeface import BlazeFace
from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook
from pen_mobile.errors import BadInput
from pen_mobile.phone.face_finding import ProgramLook, face_detector
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.runtime import BundleRuntime
from tests.data.detectors.photographs import EYES, photograph
from tests.face_bundle import add_face, without_face
from tests.models.test_blazeface_network import IMAGES


@pytest.fixture(scope="module")
def real(bundle_folder: Path, blazeface_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with BlazeFace's own weights."""
    return add_face(bundle_folder, blazeface_model, tmp_path_factory.mktemp("real") / "bundle")


@pytest.mark.parametrize("name", IMAGES)
def test_the_eyes_are_where_mediapipe_sees_them(real: Path, blazeface_model: Path, name: str) -> None:
    """Within 1 % of the side of the frame, which is three distances between the eyes."""
    detector = face_detector(BundleRuntime(open_bundle(real)))
    with closing(BlazeFace(MediaPipeLook(blazeface_model))) as reference:
        expected = reference.find(IMAGES[name])
    found = detector.find(IMAGES[name])
    assert expected is not None
    assert found is not None
    assert np.abs(np.subtract(found, expected)).max() < 0.01 * 3 * expected.eye_distance


def test_a_photograph_is_predicted_without_mediapipe(real: Path) -> None:
    code = (
        "import sys; from pen_mobile.phone.phone import Phone; from tests.data.detectors.photographs import photograph;"
        "print(Phone.open(sys.argv[1]).predict(photograph()).face); assert 'mediapipe' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(real)], capture_output=True, text=True, check=True)
    assert "right_eye" in done.stdout
    with Phone.open(real) as phone:
        affect = phone.predict(photograph())
        assert affect.face is not None
        assert math.dist(affect.face.middle, EYES.middle) < 5
        with pytest.raises(BadInput, match="no face found"):
            phone.predict(np.full((480, 640, 3), 128, np.uint8))


def test_the_golden_vectors_judge_the_detector(real: Path) -> None:
    """The program within its tolerance; nothing of it outside of the delegate."""
    verification = verify_bundle(open_bundle(real))
    checks = {check.name: check for check in verification.checks}
    assert checks["face: places"].passed
    assert checks["face: probabilities"].passed
    assert verification.outside_delegate["face.pte"] == []


def test_without_a_detector_it_takes_aligned_frames_only(bundle_folder: Path, tmp_path: Path) -> None:
    bare = without_face(bundle_folder, tmp_path / "bare", "blazeface")
    with Phone.open(bare) as phone:
        with pytest.raises(BadInput, match="aligned frames only; give --aligned"):
            phone.predict(photograph())
        assert phone.predict(np.full((64, 64, 3), 128, np.uint8), aligned=True).face is None
        with pytest.raises(BadInput, match="aligned frames only"):
            phone.runtime.detect(np.zeros((128, 128, 3), np.uint8))


def test_a_bundle_that_asks_for_the_cascade_gets_it_here(bundle_folder: Path, tmp_path: Path) -> None:
    cascade = without_face(bundle_folder, tmp_path / "cascade", "lbp-frontal")
    with Phone.open(cascade) as phone:
        assert phone.predict(photograph()).face is not None


def test_a_closed_look_stays_the_bundles(real: Path) -> None:
    runtime = BundleRuntime(open_bundle(real))
    assert runtime.bundle.manifest.face is not None
    look = ProgramLook(runtime, runtime.bundle.manifest.face)
    look.close()
    assert len(look(photograph())) == 1
