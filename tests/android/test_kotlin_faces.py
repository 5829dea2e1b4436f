"""Faces that Kotlin finds with the bundle's own detector: where Python finds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.face_finding import face_detector
from pen_mobile.phone.runtime import BundleRuntime
from tests.android.kotlin import Harness, harness, needs_kotlin
from tests.face_bundle import add_face
from tests.models.test_blazeface_network import IMAGES

needs_kotlin()


@pytest.fixture(scope="module")
def kotlin() -> Iterator[Harness]:
    yield from harness()


@pytest.fixture(scope="module")
def real(bundle_folder: Path, blazeface_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with BlazeFace's own weights."""
    return add_face(bundle_folder, blazeface_model, tmp_path_factory.mktemp("real") / "bundle")


@pytest.mark.slow
def test_the_eyes_are_where_python_sees_them(kotlin: Harness, real: Path, tmp_path: Path) -> None:
    """Within 1 % of the side of the frame, which is three distances between the eyes."""
    detector = face_detector(BundleRuntime(open_bundle(real)))
    kotlin.ask("open", bundle=real, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    for name, image in IMAGES.items():
        (tmp_path / "image.rgb").write_bytes(np.ascontiguousarray(image, np.uint8).tobytes())
        answer = kotlin.ask("find", image=tmp_path / "image.rgb", width=image.shape[1], height=image.shape[0])
        expected = detector.find(image)
        assert expected is not None, name
        found = np.array(answer["eyes"]).reshape(2, 2)
        assert np.abs(found - np.array(expected)).max() < 0.01 * 3 * expected.eye_distance, name
    grey = np.full((480, 640, 3), 128, np.uint8)
    (tmp_path / "image.rgb").write_bytes(grey.tobytes())
    assert kotlin.ask("find", image=tmp_path / "image.rgb", width=640, height=480) == {"eyes": None}
