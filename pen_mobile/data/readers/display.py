"""A decoded video frame as a player shows it: square pixels, upright, not mirrored unless the file says so."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from pen_mobile.types import Image

_MOST_ASPECT = 16


class Orientation(NamedTuple):
    """How stored pixels are turned: first rows and columns change places, then rows or columns are reversed."""

    transposed: bool = False
    columns_reversed: bool = False
    rows_reversed: bool = False

    def apply(self, image: Image) -> Image:
        """Return the image as it is shown.

        Args:
            image: stored pixels ``[H, W, 3]``.

        Returns:
            ``[H, W, 3]``, or ``[W, H, 3]`` where rows and columns change places.
        """
        if self.transposed:
            image = image.swapaxes(0, 1)
        if self.columns_reversed:
            image = image[:, ::-1]
        if self.rows_reversed:
            image = image[::-1]
        return np.ascontiguousarray(image)


def shown(frame: VideoFrame, pixel_aspect: Fraction | None) -> Image:
    """Return a frame as uint8 RGB ``[H, W, 3]``, as a player shows it.

    Args:
        frame: what the decoder gave.
        pixel_aspect: width of a stored pixel divided by its height; None where the file does not say.
    """
    stored = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return orientation(frame).apply(with_square_pixels(stored, pixel_aspect))


def with_square_pixels(image: Image, pixel_aspect: Fraction | None) -> Image:
    """Stretch an image until its pixels are square; the side whose pixels are longer grows.

    An aspect beyond 16 to 1 is taken for damage and changes nothing.

    Args:
        image: stored pixels ``[H, W, 3]``.
        pixel_aspect: width of a stored pixel divided by its height; None is 1.
    """
    aspect = float(pixel_aspect or 1)
    if aspect == 1 or not 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT:
        return image
    height, width = image.shape[:2]
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def orientation(frame: VideoFrame) -> Orientation:
    """Return the orientation that the frame's display matrix asks for, to the nearest quarter turn.

    The matrix has 16.16 fixed-point numbers ``a b u c d v x y w`` (ISO/IEC 14496-12, 6.2.2) and takes a stored place
    ``(p, q)`` to ``(a p + c q, b p + d q)``.

    Args:
        frame: decoded frame with its side data.
    """
    side_data: Any = frame.side_data  # its annotations say that it is keyed by text
    matrix = side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
