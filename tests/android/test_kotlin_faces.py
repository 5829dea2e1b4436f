"""Faces that Kotlin finds with the bundle's own detector: where Python finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.face_finding import face_detector
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.types import Image
from tests.android.kotlin import Harness, needs_kotlin
from tests.face_bundle import add_face
from tests.models.test_blazeface_network import IMAGES

needs_kotlin()


@pytest.fixture(scope="module")
def real(bundle_folder: Path, blazeface_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with BlazeFace's own weights."""
    return add_face(bundle_folder, blazeface_model, tmp_path_factory.mktemp("real") / "bundle")


def request_of(image: Image, file: Path) -> dict[str, Any]:
    """The image as a file, for the request ``find``."""
    file.write_bytes(np.ascontiguousarray(image, np.uint8).tobytes())
    return {"image": file, "width": image.shape[1], "height": image.shape[0]}


@pytest.mark.slow
def test_the_eyes_are_where_python_sees_them(kotlin: Harness, real: Path, tmp_path: Path) -> None:
    """Within 1 % of the side of the frame, which is three distances between the eyes."""
    detector = face_detector(BundleRuntime(open_bundle(real)))
    kotlin.ask("open", bundle=real, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    for name, image in IMAGES.items():
        answer = kotlin.ask("find", **request_of(image, tmp_path / "image.rgb"))
        expected = detector.find(image)
        assert expected is not None, name
        found = np.array(answer["eyes"]).reshape(2, 2)
        assert np.abs(found - np.array(expected)).max() < 0.01 * 3 * expected.eye_distance, name
    grey = np.full((480, 640, 3), 128, np.uint8)
    assert kotlin.ask("find", **request_of(grey, tmp_path / "image.rgb")) == {"eyes": None}


@pytest.mark.slow
def test_a_face_is_followed_as_python_follows_it(kotlin: Harness, real: Path, tmp_path: Path) -> None:
    """Twelve frames of a moving photograph, each looked at from where the eyes were before."""
    detector = face_detector(BundleRuntime(open_bundle(real)))
    kotlin.ask("open", bundle=real, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    photograph = np.ascontiguousarray(data.astronaut()[:360, :480])
    theirs, ours = None, None
    for shift in range(12):
        image = np.roll(photograph, 3 * shift, axis=1)
        theirs = detector.find(image, theirs)
        ours = kotlin.ask("find", previous=ours, **request_of(image, tmp_path / "image.rgb"))["eyes"]
        assert theirs is not None, shift
        assert np.abs(np.array(ours).reshape(2, 2) - np.array(theirs)).max() < 0.01 * 3 * theirs.eye_distance, shift
