"""The cascade on a real photograph."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pen_mobile.data.detectors.lbp import LbpFrontal
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


@pytest.mark.parametrize("shape", [(256, 256, 3), (10, 10, 3), (1, 400, 3)], ids=str)
def test_no_face_where_there_is_none(detector: LbpFrontal, shape: tuple[int, int, int]) -> None:
    gradient = np.broadcast_to(np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None], shape)
    assert detector.find(np.ascontiguousarray(gradient)) is None
