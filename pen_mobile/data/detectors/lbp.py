"""Faces by the cascade of local binary patterns that scikit-image carries: no download, upright faces only."""

from __future__ import annotations

from typing import Any

import cv2

from pen_mobile.data.faces import Face, Point, follow
from pen_mobile.types import Image

LBP_FRONTAL = "lbp-frontal"

_WORKING_SIDE = 256
_SMALLEST_FACE = 0.12
_SCALE_STEP = 1.2
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
        )
        return [_face(box, scale) for box in found]

    def close(self) -> None:
        """Release nothing: the cascade holds no resources."""
        return None


def _face(box: dict[str, Any], scale: float) -> Face:
    eyes = (Point((box["c"] + box["width"] * x) / scale, (box["r"] + box["height"] * y) / scale) for x, y in _EYES)
    return Face(*eyes)
