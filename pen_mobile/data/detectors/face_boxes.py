"""From BlazeFace's answers to faces: letterbox, threshold and weighted suppression (``export/BUNDLE.md``, Faces)."""

from __future__ import annotations

import functools
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.faces import Face, Point
from pen_mobile.types import Floats, Image

SIDE = 128
"""Side of the square that BlazeFace sees, pixels."""
ANCHORS_PER_CELL = (2, 6)
_CELLS = (16, 8)


class Letterbox(NamedTuple):
    """The square around an image that the network sees.

    Attributes:
        side: of the square, in pixels of the image: the longer of its sides.
        left, top: corner of the square in the image, pixels; 0 or less.
    """

    side: float
    left: float
    top: float

    def face(self, eyes: NDArray[np.float64]) -> Face:
        """Return a face in pixels of the image.

        Args:
            eyes: right eye, left eye, as shares of the square's side: x, y, x, y.
        """
        x, y = self.left - 0.5, self.top - 0.5  # 0, 0 is the centre of the first pixel
        places = [float(share) for share in eyes * self.side]
        return Face(Point(places[0] + x, places[1] + y), Point(places[2] + x, places[3] + y))


def anchors() -> Floats:
    """Return the centres of the anchors, ``[896, 2]``, x before y, as shares of the side.

    16 x 16 cells with two anchors each, then 8 x 8 cells with six; the centre of cell i of n is (i + 1/2) / n
    (https://github.com/google-ai-edge/mediapipe, face_detection_short_range.pbtxt).
    """
    return np.concatenate([_centres(n, count) for n, count in zip(_CELLS, ANCHORS_PER_CELL, strict=True)])


def letterbox(image: Image, side: int = SIDE) -> tuple[Image, Letterbox]:
    """Return what the network sees of an image: its square, black where the image ends, by bilinear sampling.

    Args:
        image: uint8 RGB ``[H, W, 3]``.
        side: of the square, pixels.

    Returns:
        uint8 RGB ``[side, side, 3]``, and where it lies in the image.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    box = Letterbox(float(longer), (width - longer) / 2, (height - longer) / 2)
    square = cv2.remap(image, *_sampling(box, side), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(square, np.uint8), box


@functools.lru_cache(maxsize=16)
def _sampling(box: Letterbox, side: int) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Return where each pixel of the square lies in the image, in 32nds: corner to corner, as MediaPipe has it."""
    places = np.arange(side) * (box.side / side)
    columns, rows = np.meshgrid(places + box.left, places + box.top)
    whole, rest = cv2.convertMaps(columns.astype(np.float32), rows.astype(np.float32), cv2.CV_16SC2)
    return np.asarray(whole, np.int16), np.asarray(rest, np.uint16)


def weighted_faces(places: Floats, scores: Floats, search: FaceSearch) -> list[NDArray[np.float64]]:
    """Return box and eyes of every face, the most probable first, ``[8]`` each.

    The most probable answer and all that overlap it become one face: their mean, weighted by probability. Then the
    most probable of what is left, and so on.

    Args:
        places: ``[anchors, 8]`` as the network gives them.
        scores: probabilities ``[anchors]``.
        search: threshold and overlap.
    """
    kept = np.flatnonzero(scores >= search.min_score)
    left = kept[np.argsort(-scores[kept], kind="stable")]
    faces = []
    while len(left):
        one = overlaps(places[left[0]], places[left]) > search.max_overlap
        one[0] = True
        faces.append(np.average(places[left[one]].astype(np.float64), axis=0, weights=scores[left[one]]))
        left = left[~one]
    return faces


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Return the share that a box has in common with each of several: intersection over union.

    Args:
        box: centre, width and height; more numbers may follow.
        boxes: the same for each of them, ``[N, 4]`` or wider.
    """
    low, high = box[:2] - box[2:4] / 2, box[:2] + box[2:4] / 2
    lows, highs = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2
    common = np.maximum(np.minimum(high, highs) - np.maximum(low, lows), 0).prod(axis=1)
    union = box[2:4].prod() + boxes[:, 2:4].prod(axis=1) - common
    shares: Floats = common / np.maximum(union, np.finfo(np.float32).tiny)
    return shares


def _centres(cells: int, count: int) -> Floats:
    rows, columns = np.divmod(np.arange(cells * cells), cells)
    centres = (np.stack([columns, rows], axis=1) + 0.5) / cells
    return np.repeat(centres, count, axis=0).astype(np.float32)
