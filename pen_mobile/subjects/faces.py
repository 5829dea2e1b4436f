"""Finding a face in a photograph with the cascade that scikit-image carries: no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.subjects.frames import Image

_WORKING_SIDE = 256
_SMALLEST_FACE = 0.12
_SCALE_STEP = 1.2


class FaceBox(NamedTuple):
    """A face in an image: top left corner and sides, pixels."""

    x: int
    y: int
    width: int
    height: int


class FaceDetector:
    """Frontal faces by a cascade of local binary patterns, trained for OpenCV and carried by scikit-image."""

    name = "lbp-frontal"

    def __init__(self) -> None:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade

        self._cascade: Any = Cascade(lbp_frontal_face_cascade_filename())

    def largest_face(self, pixels: Image) -> FaceBox | None:
        """Return the largest face in a uint8 RGB image ``[H, W, 3]``, or None."""
        return follow(None, self.faces(pixels))

    def faces(self, pixels: Image) -> list[FaceBox]:
        """Return all faces in a uint8 RGB image ``[H, W, 3]``.

        The image is first brought down to a working size, so that large photographs cost no more;
        faces below about an eighth of the shorter side are not looked for.
        """
        height, width = pixels.shape[:2]
        scale = min(1.0, _WORKING_SIDE / min(height, width))
        small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        shorter = min(small.shape[:2])
        smallest = max(24, round(shorter * _SMALLEST_FACE))
        found: list[dict[str, Any]] = self._cascade.detect_multi_scale(
            small,
            scale_factor=_SCALE_STEP,
            step_ratio=1,
            min_size=(smallest, smallest),
            max_size=(shorter, shorter),
        )
        return [FaceBox(*(round(box[key] / scale) for key in ("c", "r", "width", "height"))) for box in found]


@dataclass(frozen=True)
class CropRecipe:
    """How faces are cut out; a phone must do the same.

    Attributes:
        detector: finds the face.
        margin: side of the square as a multiple of the detected box's longer side.
        size: side of the stored crop, pixels.
    """

    detector: str = FaceDetector.name
    margin: float = 1.3
    size: int = 224

    def __post_init__(self) -> None:
        if not 0.5 <= self.margin <= 8:
            raise BadInput(f"the crop margin is {self.margin:g}; give 0.5 to 8")
        if not 16 <= self.size <= 2048:
            raise BadInput(f"the crop size is {self.size}; give 16 to 2048 pixels")


def follow(previous: FaceBox | None, faces: list[FaceBox]) -> FaceBox | None:
    """Return the face that overlaps the previous one most, or the largest when none does; None when there is none."""
    if previous is not None:
        nearest = max(faces, key=lambda face: overlap(previous, face), default=None)
        if nearest is not None and overlap(previous, nearest) > 0:
            return nearest
    return max(faces, key=lambda face: face.width * face.height, default=None)


def overlap(one: FaceBox, other: FaceBox) -> float:
    """Return intersection over union of two boxes, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(0, width) * max(0, height)
    return common / (one.width * one.height + other.width * other.height - common)


def crop_face(pixels: Image, face: FaceBox, margin: float) -> Image:
    """Return the square around a face, ``margin`` times its longer side; edge pixels fill what lies outside."""
    side = max(1, round(max(face.width, face.height) * margin))
    left = round(face.x + face.width / 2 - side / 2)
    top = round(face.y + face.height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, pixels.shape[1] - 1)
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])
