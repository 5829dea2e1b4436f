"""Faces by the cascade of local binary patterns that scikit-image carries: no download, upright faces only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pen_mobile.data.faces import Face, Point, follow
from pen_mobile.types import Doubles, Image

LBP_FRONTAL = "lbp-frontal"

_WORKING_SIDE = 256
_SMALLEST_FACE = 0.12
_SCALE_STEP = 1.2
_NEVER_MERGED = 2.0  # no two boxes overlap by more than 1: the cascade then returns every box that it accepts
_OVERLAP = 0.5  # boxes that share more than this of the smaller one are of one face
_FEWEST_BOXES = 4  # a face is accepted at several places and sizes
_EYES = ((0.275, 0.34), (0.725, 0.34))
"""Where eyes are in a found box, as shares of its sides; measured on a photograph at several sizes (sd 0.025)."""


class LbpFrontal:
    """Frontal faces by a cascade; eyes are not seen but taken to be level, where they usually are in a face."""

    name = LBP_FRONTAL

    def __init__(self) -> None:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade

        self._cascade: Any = Cascade(lbp_frontal_face_cascade_filename())

    def find(self, image: Image, previous: Face | None = None) -> Face | None:
        """Return the face in an image, or None; see :meth:`pen_mobile.data.faces.FaceDetector.find`.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
            previous: face in the image before, which is followed.
        """
        return follow(previous, self.faces(image))

    def faces(self, image: Image) -> list[Face]:
        """Return all faces in an image.

        The image is first brought down to a working size, so that large photographs cost no more;
        faces below about an eighth of the shorter side are not looked for.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
        """
        height, width = image.shape[:2]
        scale = min(1.0, _WORKING_SIDE / min(height, width))
        small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        shorter = min(small.shape[:2])
        smallest = max(24, round(shorter * _SMALLEST_FACE))
        found: list[dict[str, Any]] = self._cascade.detect_multi_scale(
            small,
            scale_factor=_SCALE_STEP,
            step_ratio=1,
            min_size=(smallest, smallest),
            max_size=(shorter, shorter),
            min_neighbor_number=1,
            intersection_score_threshold=_NEVER_MERGED,
        )
        boxes = [np.array([box["c"], box["r"], box["width"]], dtype=np.float64) for box in found]
        return [_face(group.mean / scale) for group in _groups(boxes) if group.count >= _FEWEST_BOXES]

    def close(self) -> None:
        """Release nothing: the cascade holds no resources."""
        return None


@dataclass
class _Group:
    """Boxes of one face.

    Attributes:
        total: sum of their left, top and side, ``[3]``, pixels.
        count: how many they are.
    """

    total: Doubles
    count: int = 1

    @property
    def mean(self) -> Doubles:
        """Mean left, top and side: to fractions of a pixel, so that noise does not move eyes by whole ones."""
        return self.total / self.count

    def add(self, box: Doubles) -> None:
        self.total, self.count = self.total + box, self.count + 1


def _groups(boxes: Iterable[Doubles]) -> list[_Group]:
    """Put every box (left, top, side) to the first group whose mean it overlaps, or into a new one."""
    groups: list[_Group] = []
    for box in boxes:
        own = next((group for group in groups if _overlap(box, group.mean) > _OVERLAP), None)
        if own is None:
            groups.append(_Group(box))
        else:
            own.add(box)
    return groups


def _overlap(one: Doubles, other: Doubles) -> float:
    """Return which share of the smaller of two squares lies in the other."""
    ends = np.minimum(one[:2] + one[2], other[:2] + other[2])
    sides = np.clip(ends - np.maximum(one[:2], other[:2]), 0, None)
    return float(sides.prod() / min(one[2], other[2]) ** 2)


def _face(box: Doubles) -> Face:
    left, top, side = box.tolist()
    return Face(*(Point(left + side * x, top + side * y) for x, y in _EYES))
