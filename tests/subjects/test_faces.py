"""Faces: the detector on a real photograph, and the arithmetic of the crop."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from pen_mobile.subjects.faces import FaceBox, FaceDetector, crop_face
from pen_mobile.subjects.frames import Image

CENTRE = (223, 119)  # x, y: the middle of the face in scikit-image's photograph, between the eyes and the mouth


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def photograph() -> Image:
    """Eileen Collins, 512 x 512, with a helmet, a flag and a model of a shuttle beside her face."""
    return data.astronaut()


def middle(face: FaceBox) -> tuple[float, float]:
    return face.x + face.width / 2, face.y + face.height / 2


def test_the_face_of_a_photograph_is_found(detector: FaceDetector, photograph: Image) -> None:
    face = detector.largest_face(photograph)
    assert face is not None
    x, y = middle(face)
    assert abs(x - CENTRE[0]) < face.width / 4
    assert abs(y - CENTRE[1]) < face.height / 4
    assert 70 < face.width < 170  # chin to hair line is about 120 pixels


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_face_grows_with_the_photograph(detector: FaceDetector, photograph: Image, scale: float) -> None:
    scaled = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    face, original = detector.largest_face(scaled), detector.largest_face(photograph)
    assert face is not None
    assert original is not None
    tolerance = 0.15 * original.width * scale
    for got, expected in zip((*middle(face), face.width, face.height), (*middle(original), *original[2:]), strict=True):
        assert got == pytest.approx(expected * scale, abs=tolerance)


def test_the_face_moves_with_the_photograph(detector: FaceDetector, photograph: Image) -> None:
    """Without its first rows and columns everything lies as much higher and further left.

    The cascade looks at every few pixels only and may miss a face; what it finds must be the face.
    """
    found = 0
    for up, left in itertools.product((0, 30, 60), (0, 40, 80)):
        face = detector.largest_face(np.ascontiguousarray(photograph[up:, left:]))
        if face is not None:
            found += 1
            x, y = middle(face)
            assert abs(x + left - CENTRE[0]) < face.width / 4
            assert abs(y + up - CENTRE[1]) < face.height / 4
    assert found == 9


@pytest.mark.parametrize("shape", [(256, 256, 3), (10, 10, 3), (1, 400, 3)], ids=str)
def test_no_face_where_there_is_none(detector: FaceDetector, shape: tuple[int, int, int]) -> None:
    gradient = np.broadcast_to(np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None], shape)
    assert detector.largest_face(np.ascontiguousarray(gradient)) is None


def numbered(height: int = 40, width: int = 60) -> Image:
    """An image whose pixels say where they are: red is the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def test_crop_is_the_square_around_the_middle() -> None:
    """A 10 x 8 face at (20, 12) has its middle at (25, 16); margin 1.6 makes a side of 1.6 x 10 = 16.

    Left is 25 - 8 = 17, top is 16 - 8 = 8, so the last column is 17 + 15 = 32 and the last row 8 + 15 = 23.
    """
    crop = crop_face(numbered(), FaceBox(20, 12, 10, 8), margin=1.6)
    assert crop.shape == (16, 16, 3)
    assert crop[0, 0].tolist() == [8, 17, 0]
    assert crop[-1, -1].tolist() == [23, 32, 0]


def test_crop_with_margin_one_is_the_face() -> None:
    crop = crop_face(numbered(), FaceBox(20, 12, 10, 10), margin=1.0)
    np.testing.assert_array_equal(crop, numbered()[12:22, 20:30])


def test_crop_at_the_border_repeats_edge_pixels() -> None:
    """A 10 x 10 face in the top left corner with margin 2: 20 x 20 from (-5, -5); rows -5 .. -1 are row 0."""
    crop = crop_face(numbered(), FaceBox(0, 0, 10, 10), margin=2.0)
    assert crop.shape == (20, 20, 3)
    assert crop[:, 0, 0].tolist() == [0] * 5 + list(range(15))
    assert crop[0, :, 1].tolist() == [0] * 5 + list(range(15))


def test_crop_beyond_the_far_corner_repeats_edge_pixels() -> None:
    """The face ends at the image's last row (39) and column (59); margin 2 reaches 5 pixels further."""
    crop = crop_face(numbered(), FaceBox(50, 30, 10, 10), margin=2.0)
    assert crop[:, 0, 0].tolist() == [*range(25, 40), *[39] * 5]
    assert crop[0, :, 1].tolist() == [*range(45, 60), *[59] * 5]


def test_crop_is_a_copy() -> None:
    image = numbered()
    crop_face(image, FaceBox(20, 12, 10, 10), margin=1.0)[:] = 255
    np.testing.assert_array_equal(image, numbered())


def test_crop_is_never_empty() -> None:
    assert crop_face(numbered(), FaceBox(5, 5, 1, 1), margin=0.1).shape == (1, 1, 3)
