"""The arithmetic of a crop: where the eyes come to lie, which face is followed."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_mobile.data.faces import Face, Point, crop_face, eyes_to_crop, follow, make_crop, moved
from pen_mobile.errors import BadInput
from pen_mobile.types import Image


def level(x: float, y: float, distance: float) -> Face:
    """A face whose eyes are level, ``distance`` apart around (x, y)."""
    return Face(Point(x - distance / 2, y), Point(x + distance / 2, y))


def numbered(height: int = 40, width: int = 60) -> Image:
    """An image whose pixels say where they are: red is the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def test_distance_and_middle() -> None:
    """Eyes at (10, 20) and (13, 24): 3 and 4 apart, so 5; half-way is (11.5, 22)."""
    face = Face(Point(10, 20), Point(13, 24))
    assert face.eye_distance == 5
    assert face.middle == (11.5, 22)


def test_a_crop_of_the_same_scale_is_a_piece_of_the_image() -> None:
    """Margin 4 and eyes 4 apart make a side of 16, the frame's own: nothing is scaled.

    The middle (30, 14) comes to 16 / 2 - 0.5 = 7.5 across and 16 x 0.25 - 0.5 = 3.5 down, so the frame begins
    at column 22.5 and row 10.5; with eyes around (29.5, 13.5) it begins at column 22 and row 10.
    """
    crop = crop_face(numbered(), level(29.5, 13.5, 4), make_crop(margin=4, eye_height=0.25, size=16))
    np.testing.assert_array_equal(crop, numbered()[10:26, 22:38])


def test_outside_the_image_edge_pixels_repeat() -> None:
    """The same crop around (3.5, 3.5) begins at column -4 and row 0: columns -4 .. -1 are column 0."""
    crop = crop_face(numbered(), level(3.5, 3.5, 4), make_crop(margin=4, eye_height=0.25, size=16))
    assert crop[0, :, 1].tolist() == [0] * 4 + list(range(12))
    assert crop[:, 0, 0].tolist() == list(range(16))


@given(
    st.floats(10, 500), st.floats(10, 500), st.floats(5, 200), st.floats(-math.pi, math.pi),
    st.floats(1, 8), st.floats(0.2, 0.8), st.integers(16, 512),
)  # fmt: skip
def test_the_eyes_come_to_where_the_recipe_says(
    x: float, y: float, distance: float, turn: float, margin: float, height: float, size: int
) -> None:
    """Eyes at any angle come to rest level, size / margin apart, at the recipe's height, around the middle."""
    away = (distance / 2 * math.cos(turn), distance / 2 * math.sin(turn))
    face = Face(Point(x - away[0], y - away[1]), Point(x + away[0], y + away[1]))
    recipe = make_crop(margin=margin, eye_height=height, size=size)
    right, left = moved(face, eyes_to_crop(face, recipe))
    half = size / margin / 2
    assert right == pytest.approx((size / 2 - half - 0.5, size * height - 0.5), abs=1e-6 * size)
    assert left == pytest.approx((size / 2 + half - 0.5, size * height - 0.5), abs=1e-6 * size)


def test_a_turned_face_gives_the_upright_frame() -> None:
    """A picture turned by 90 degrees about its face, cut out around the turned eyes, is the upright frame again."""
    upright = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (101, 101, 3), dtype=np.uint8), (9, 9), 3)
    recipe = make_crop(margin=3, eye_height=0.5, size=32)
    turned = np.ascontiguousarray(np.rot90(upright))  # counter-clockwise: (x, y) -> (y, 100 - x)
    face = Face(Point(40, 50), Point(60, 50))
    turned_face = Face(*(Point(eye.y, 100 - eye.x) for eye in face))
    expected, found = (crop_face(*pair, recipe).astype(int) for pair in ((upright, face), (turned, turned_face)))
    assert np.abs(expected - found).max() <= 2  # two interpolations may round differently


def test_a_much_finer_image_is_averaged_not_sampled() -> None:
    """Stripes one pixel wide, black and white, are grey from four times as far; every second pixel would not be."""
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_face(stripes, level(128, 128, 64), make_crop(margin=4, eye_height=0.5, size=64))
    assert crop.shape == (64, 64, 3)
    assert abs(crop.astype(float) - 127.5).max() < 2


def test_following() -> None:
    """Two eye distances are as far as anyone moves between frames; with nobody in reach the largest face is taken."""
    here, near, far = level(10, 10, 10), level(25, 10, 8), level(90, 90, 30)
    assert follow(None, [here, far]) == far
    assert follow(here, [near, far]) == near  # 15 pixels away, reach is 20
    assert follow(far, [near]) == near
    assert follow(here, [far]) == far
    assert follow(here, []) is None


def test_a_crop_is_a_copy() -> None:
    image = numbered()
    crop_face(image, level(29.5, 13.5, 4), make_crop(margin=4, size=16))[:] = 255
    np.testing.assert_array_equal(image, numbered())


@pytest.mark.parametrize(
    "wrong", [{"margin": 0.1}, {"margin": 17.0}, {"margin": math.nan}, {"size": 8}, {"eye_height": 1.0}]
)
def test_crop_recipes_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="crop"):
        make_crop(**wrong)  # type: ignore[arg-type]
