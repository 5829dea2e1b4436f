"""scikit-image's photograph in the positions that a phone sees, each with the places of the eyes."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

from pen_mobile.data.faces import Face, Point, moved
from pen_mobile.types import Image

EYES = Face(Point(203.0, 101.1), Point(246.9, 103.4))
"""Marked by hand on the photograph, 16 times enlarged: half-way between iris and the middle of the corners."""


def photograph() -> Image:
    """Eileen Collins, 512 x 512, with a helmet, a flag and a model of a shuttle beside her face."""
    image: Image = data.astronaut()
    return image


def scaled(factor: float) -> tuple[Image, Face]:
    """The photograph at another size; the centre of pixel x comes to (x + 1/2) factor - 1/2."""
    image = cv2.resize(photograph(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    half = (factor - 1) / 2
    return np.asarray(image, np.uint8), moved(EYES, np.array([[factor, 0, half], [0, factor, half]]))


def turned(degrees: float) -> tuple[Image, Face]:
    """The photograph turned about the face."""
    transform = cv2.getRotationMatrix2D(EYES.middle, degrees, 1)
    image = cv2.warpAffine(photograph(), transform, (512, 512))
    return np.asarray(image, np.uint8), moved(EYES, np.asarray(transform))


def mirrored() -> tuple[Image, Face]:
    """The photograph in a mirror: right and left change places, x becomes 511 - x."""
    eyes = Face(Point(511 - EYES.left_eye.x, EYES.left_eye.y), Point(511 - EYES.right_eye.x, EYES.right_eye.y))
    return np.ascontiguousarray(photograph()[:, ::-1]), eyes


def darkened(share: float) -> tuple[Image, Face]:
    """The photograph with less light."""
    return (photograph() * share).astype(np.uint8), EYES
