"""A face is two eyes; the crop recipe says where they come to lie in a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.crop import Crop
from pen_mobile.types import Image
from pen_mobile.utils.validation import validated

_REACH = 2.0
_BILINEAR_SEES_ALL = 0.5


class Point(NamedTuple):
    """A place in an image, pixels: 0, 0 is the centre of the top left pixel."""

    x: float
    y: float


class Face(NamedTuple):
    """The centres of a person's eyes; the right eye is the one further left in an upright image."""

    right_eye: Point
    left_eye: Point

    @property
    def eye_distance(self) -> float:
        """Pixels between the eyes."""
        return math.dist(self.right_eye, self.left_eye)

    @property
    def middle(self) -> Point:
        """The place half-way between the eyes."""
        return Point((self.right_eye.x + self.left_eye.x) / 2, (self.right_eye.y + self.left_eye.y) / 2)


class FaceDetector(Protocol):
    """Finds the face of one person, in a picture or from picture to picture."""

    @property
    def name(self) -> str:
        """What a crop recipe calls it."""

    def find(self, image: Image, previous: Face | None = None) -> Face | None:
        """Return the face in an image, or None.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
            previous: face in the image before; among several faces the one at its place is returned, else the largest.
        """

    def close(self) -> None:
        """Release what the detector holds; nothing is found afterwards."""


def make_crop(detector: str = "lbp-frontal", margin: float = 3.0, eye_height: float = 0.4, size: int = 224) -> Crop:
    """Return a checked crop.

    Args:
        detector: name of the detector that finds the eyes.
        margin: side of the frame as a multiple of the distance between the eyes, 1 to 16.
        eye_height: height of the eyes, as a share of the side, from the top, above 0 and below 1.
        size: side of the frame, 16 to 2048 pixels.

    Raises:
        BadInput: a value is out of its range.
    """
    values = {"detector": detector, "margin": margin, "eye_height": eye_height, "size": size}
    return validated(Crop, values, "crop")


def eyes_to_crop(face: Face, crop: Crop) -> NDArray[np.float64]:
    """Return the similarity transform ``[2, 3]`` that takes places in the image to places in the frame.

    Args:
        face: where the eyes are in the image, pixels.
        crop: where they come to lie in the frame.
    """
    scale = crop.size / (crop.margin * face.eye_distance)
    turn = math.atan2(face.left_eye.y - face.right_eye.y, face.left_eye.x - face.right_eye.x)
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    middle = np.array([crop.size / 2, crop.size * crop.eye_height]) - 0.5
    return np.column_stack([rotation, middle - rotation @ face.middle])


def crop_face(image: Image, face: Face, crop: Crop) -> Image:
    """Return the frame of a face: bilinear, edge pixels repeated outside the image.

    An image more than twice as fine as the frame is first brought down to the frame's scale by area
    averaging, for a bilinear look-up would pass over pixels.

    Args:
        image: uint8 RGB ``[H, W, 3]``.
        face: where the eyes are in it, pixels.
        crop: where they come to lie in the frame.

    Returns:
        uint8 RGB ``[size, size, 3]``.
    """
    scale = crop.size / (crop.margin * face.eye_distance)
    if scale < _BILINEAR_SEES_ALL:
        image, face = _shrunk(image, face, scale)
    side = (crop.size, crop.size)
    warped = cv2.warpAffine(image, eyes_to_crop(face, crop), side, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)


def moved(face: Face, transform: NDArray[np.float64]) -> Face:
    """Return the face where an affine transform puts it.

    Args:
        face: eyes, pixels.
        transform: ``[2, 3]``.
    """
    places = np.array(face) @ transform[:, :2].T + transform[:, 2]
    return Face(*(Point(float(x), float(y)) for x, y in places))


def follow(previous: Face | None, faces: Sequence[Face], reach: float = _REACH) -> Face | None:
    """Return the face nearest to the previous one, or the largest when none is within reach; None when there is none.

    Args:
        previous: face in the image before, if any.
        faces: faces in this image.
        reach: how far a face gets from one image to the next, in eye distances of the previous one.
    """
    if previous is not None:
        nearest = min(faces, key=lambda face: math.dist(face.middle, previous.middle), default=None)
        if nearest and math.dist(nearest.middle, previous.middle) <= reach * previous.eye_distance:
            return nearest
    return max(faces, key=lambda face: face.eye_distance, default=None)


def _shrunk(image: Image, face: Face, scale: float) -> tuple[Image, Face]:
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    across, down = width / image.shape[1], height / image.shape[0]
    # Pixel centres lie half a pixel inside: x becomes (x + 1/2) scale - 1/2.
    return small, moved(face, np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]]))
