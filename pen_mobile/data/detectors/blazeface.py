"""Faces by BlazeFace, whatever runs the network: fast, and it sees the eyes.

BlazeFace looks at 128 x 128 pixels. In a whole picture an eye is then off by several pixels, so the
detector looks again at the square around the face, turned upright, until the eyes stay where they are.
From picture to picture it begins with that square, and one look is usually enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.detectors.face_boxes import SIDE
from pen_mobile.data.faces import Face, Point, crop_face, eyes_to_crop, follow, make_crop, moved
from pen_mobile.types import Image

BLAZEFACE = "blazeface"


class Look(Protocol):
    """One look at an image by the network."""

    def __call__(self, image: Image) -> list[Face]:
        """Return the faces in an image, uint8 RGB ``[H, W, 3]``, in its pixels."""

    def close(self) -> None:
        """Release what it holds."""


class BlazeFace:
    """BlazeFace short range: faces up to two metres away, turned by up to about 45 degrees."""

    name = BLAZEFACE

    def __init__(self, look: Look, search: FaceSearch | None = None) -> None:
        """Take what runs the network.

        Args:
            look: one look; it is closed with the detector.
            search: how faces are looked for.
        """
        self._look_at, self._search = look, search or FaceSearch()
        search = self._search
        self._window = make_crop(BLAZEFACE, search.window_margin, search.window_eye_height, SIDE)
        half = SIDE / search.window_margin / 2
        middle, height = SIDE / 2 - 0.5, SIDE * search.window_eye_height - 0.5
        self._in_window = Face(Point(middle - half, height), Point(middle + half, height))

    def find(self, image: Image, previous: Face | None = None) -> Face | None:
        """Return the face in an image, or None; see :meth:`pen_mobile.data.faces.FaceDetector.find`.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
            previous: face in the image before, which is followed.
        """
        if previous is not None and (face := self._settled(image, previous)) is not None:
            return face
        found = follow(previous, self.faces(image), self._search.reach)
        return None if found is None else self._settled(image, found) or found

    def faces(self, image: Image) -> list[Face]:
        """Return all faces in an image: of the whole, or of squares when the whole shows none.

        A long image becomes so small at the network's resolution that it may overlook a face; squares of the
        shorter side show it larger. Faces below about a tenth of the shorter side are not found.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
        """
        faces = self._look(image)
        if faces or image.shape[0] == image.shape[1]:
            return faces
        return [face for square in _squares(image, self._search.squares) for face in self._look(*square)]

    def close(self) -> None:
        """Release the network; nothing is found afterwards."""
        self._look_at.close()

    def _look(self, image: Image, top: int = 0, left: int = 0) -> list[Face]:
        """Return the faces in one look at pixels whose corner is at (left, top) of the image."""
        shift = np.array([[1.0, 0, left], [0, 1, top]])
        return [moved(face, shift) for face in self._look_at(image) if face.eye_distance > 0]

    def _settled(self, image: Image, face: Face) -> Face | None:
        """Look around a face until its eyes stay; None when it is not there."""
        for _ in range(self._search.looks):
            seen = self._look_around(image, face)
            if seen is None:
                return None
            shift = np.abs(np.subtract(seen, face)).max() / face.eye_distance
            face = seen
            if shift < self._search.settled:
                break
        return face

    def _look_around(self, image: Image, face: Face) -> Face | None:
        here = follow(self._in_window, self._look(crop_face(image, face, self._window)), self._search.reach)
        if here is None:
            return None
        return moved(here, cv2.invertAffineTransform(eyes_to_crop(face, self._window)))


def _squares(image: Image, most: int) -> Iterator[tuple[Image, int, int]]:
    """Yield squares of the shorter side, each overlapping the next by about half, with their top and left."""
    height, width = image.shape[:2]
    side, last = min(height, width), abs(height - width)
    for start in [*range(0, last, max(1, side // 2, last // most)), last]:
        top, left = (start, 0) if height > width else (0, start)
        yield image[top : top + side, left : left + side], top, left
