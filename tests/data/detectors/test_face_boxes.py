"""From the network's answers to faces: anchors, letterbox, weighted suppression, by arithmetic on paper."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.detectors.face_boxes import Letterbox, anchors, letterbox, overlaps, weighted_faces

SEARCH = FaceSearch()


def test_anchors() -> None:
    """16 x 16 cells twice, 8 x 8 six times: 512 + 384. The second cell of 16 is centred at 1.5 / 16 = 0.09375."""
    found = anchors()
    assert found.shape == (896, 2)
    assert found[0].tolist() == found[1].tolist() == [0.03125, 0.03125]
    assert found[2].tolist() == [0.09375, 0.03125]
    assert found[32].tolist() == [0.03125, 0.09375]
    assert found[512].tolist() == found[517].tolist() == [0.0625, 0.0625]
    assert found[895].tolist() == [0.9375, 0.9375]


def test_a_wide_image_lies_between_black_bands() -> None:
    """256 x 64 in a square of 256: bands of 96 above and below, in 128 pixels 48. Every second pixel is seen."""
    image = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (64, 1, 3))
    square, box = letterbox(image)
    assert box == Letterbox(256, 0, -96)
    assert square.shape == (128, 128, 3)
    assert not square[:48].any()
    assert not square[80:].any()
    np.testing.assert_array_equal(square[48:80], np.broadcast_to(image[0, ::2], (32, 128, 3)))


def test_a_tall_image_lies_between_bands_and_is_sampled_between_pixels() -> None:
    """64 x 32 doubled: column 1 lies half-way between columns 0 and 1 of the image, 16 pixels to the left of it."""
    image = np.tile(np.arange(0, 128, 4, dtype=np.uint8)[None, :, None], (64, 1, 3))
    square, box = letterbox(image)
    assert box == Letterbox(64, -16, 0)
    assert square[5, 32:96, 0].tolist() == [2 * u for u in range(63)] + [62]  # the last one mixes with black
    assert not square[:, :32].any()


def test_places_of_the_square_in_the_image() -> None:
    """Half of a side of 256 is 128; the band of 96 goes away, and half a pixel, for pixels count from their centres."""
    face = Letterbox(256, 0, -96).face(np.array([0.5, 0.5, 0.75, 0.5]))
    assert face.right_eye == (127.5, 31.5)
    assert face.left_eye == (191.5, 31.5)


def test_overlaps() -> None:
    """2 x 2 at the origin against itself, half of it (2 of 6), a quarter inside (1 of 4), beside it, and a dot."""
    boxes = [[0, 0, 2, 2], [1, 0, 2, 2], [0.5, 0.5, 1, 1], [3, 0, 2, 2], [0, 0, 0, 0]]
    found = overlaps(np.array([0, 0, 2, 2], np.float32), np.array(boxes, np.float32))
    np.testing.assert_allclose(found, [1, 1 / 3, 1 / 4, 0, 0], atol=1e-6)


def answers(*faces: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of side 0.2 around (x, 0.5) whose eyes lie at (y, y), with their probabilities."""
    places = np.array([[x, 0.5, 0.2, 0.2, y, y, y, y] for x, y, _ in faces], np.float32)
    return places, np.array([score for *_, score in faces], np.float32)


def test_boxes_that_overlap_become_their_weighted_mean() -> None:
    """Weights 0.9 and 0.6: x is (0.9 0.50 + 0.6 0.55) / 1.5 = 0.52, the eyes (0.9 0.1 + 0.6 0.2) / 1.5 = 0.14."""
    places, scores = answers((0.55, 0.2, 0.6), (0.5, 0.1, 0.9), (0.52, 0.9, 0.49))
    (face,) = weighted_faces(places, scores, SEARCH)
    np.testing.assert_allclose(face, [0.52, 0.5, 0.2, 0.2, 0.14, 0.14, 0.14, 0.14], atol=1e-6)


def test_faces_apart_stay_apart_the_most_probable_first() -> None:
    """0.1 of 0.3 in common is a third, more than 0.3; 0.08 of 0.32 is a quarter, less."""
    places, scores = answers((0.2, 0.1, 0.7), (0.3, 0.3, 0.6), (0.8, 0.2, 0.8), (0.68, 0.4, 0.75))
    found = weighted_faces(places, scores, SEARCH)
    assert [round(float(face[0]), 4) for face in found] == [0.8, 0.68, pytest.approx((0.14 + 0.18) / 1.3, abs=1e-4)]


def test_no_face() -> None:
    assert weighted_faces(*answers((0.5, 0.1, 0.4999)), SEARCH) == []
    assert len(weighted_faces(*answers((0.5, 0.1, 0.5)), SEARCH)) == 1
