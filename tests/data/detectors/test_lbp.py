"""The cascade on a real photograph."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest

from pen_mobile.data.detectors.lbp import LbpFrontal, _groups
from pen_mobile.data.faces import Face
from tests.data.detectors.photographs import EYES, photograph, scaled


@pytest.fixture(scope="module")
def detector() -> LbpFrontal:
    return LbpFrontal()


def is_at(face: Face, eyes: Face) -> bool:
    """Within a quarter of the eye distance, and of about that size."""
    near = math.dist(face.middle, eyes.middle) < eyes.eye_distance / 4
    return near and 0.75 < face.eye_distance / eyes.eye_distance < 1.25


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_face_of_a_photograph_is_found_at_any_size(detector: LbpFrontal, factor: float) -> None:
    image, eyes = scaled(factor)
    face = detector.find(image)
    assert face is not None
    assert is_at(face, eyes)


def test_the_face_moves_with_the_photograph(detector: LbpFrontal) -> None:
    """Without its first rows and columns everything lies as much higher and further left."""
    for up, left in itertools.product((0, 30, 60), (0, 40, 80)):
        face = detector.find(np.ascontiguousarray(photograph()[up:, left:]))
        assert face is not None
        moved = Face(*(eye._replace(x=eye.x - left, y=eye.y - up) for eye in EYES))
        assert is_at(face, moved), (up, left)


@pytest.mark.parametrize("quality", [100, 95, 85, 70])
def test_noise_of_compression_hardly_moves_the_eyes(detector: LbpFrontal, quality: int) -> None:
    """Both stay within an eighth of their distance."""
    image = photograph()[:400, :480]
    noisy = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_UNCHANGED)
    faces = [detector.find(np.ascontiguousarray(one)) for one in (image, noisy)]
    assert faces[0] is not None
    assert faces[1] is not None
    assert all(math.dist(one, other) < faces[0].eye_distance / 8 for one, other in zip(*faces, strict=True))


def test_boxes_of_one_face_are_averaged_to_fractions_of_a_pixel() -> None:
    """(10 + 11 + 11) / 3; a rounded mean would jump by a whole pixel with one box more."""
    boxes = [np.array(box, dtype=np.float64) for box in ((10, 20, 30), (100, 20, 30), (11, 20, 30), (11, 22, 28))]
    first, other = _groups(boxes)
    assert (first.count, other.count) == (3, 1)
    np.testing.assert_allclose(first.mean, [32 / 3, 62 / 3, 88 / 3])


@pytest.mark.parametrize("shape", [(256, 256, 3), (10, 10, 3), (1, 400, 3)], ids=str)
def test_no_face_where_there_is_none(detector: LbpFrontal, shape: tuple[int, int, int]) -> None:
    gradient = np.broadcast_to(np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None], shape)
    assert detector.find(np.ascontiguousarray(gradient)) is None
