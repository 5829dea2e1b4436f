"""Faces by BlazeFace through MediaPipe Tasks: fast, and it sees the eyes.

BlazeFace looks at 128 x 128 pixels. In a whole picture an eye is then off by several pixels, so the
detector looks again at the square around the face, turned upright, until the eyes stay where they are.
From picture to picture it begins with that square, and one look is usually enough.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pen_mobile.data.faces import Face, Point, crop_face, eyes_to_crop, follow, make_crop, moved
from pen_mobile.errors import BadInput
from pen_mobile.types import Image

BLAZEFACE = "blazeface"

_SEEN = 0.5
_WINDOW = make_crop(BLAZEFACE, margin=4.5, eye_height=0.4, size=128)
_LOOKS = 4
_MOST_SQUARES = 8
_SETTLED = 0.04
"""Eyes that move less than this share of their distance have settled; below lies the detector's own noise."""


class BlazeFace:
    """BlazeFace short range: faces up to two metres away, turned by up to about 45 degrees."""

    name = BLAZEFACE

    def __init__(self, model: Path) -> None:
        """Load the network.

        Raises:
            BadInput: the file is not a face detector that MediaPipe can load.
        """
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._mediapipe: Any = mediapipe
        try:
            options = vision.FaceDetectorOptions(
                base_options=BaseOptions(model_asset_buffer=model.read_bytes()), min_detection_confidence=_SEEN
            )
            self._network: Any = vision.FaceDetector.create_from_options(options)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadInput(f"{model}: not a face detector for MediaPipe: {str(error).splitlines()[0]}") from None

    def find(self, image: Image, previous: Face | None = None) -> Face | None:
        """Return the face in an image, or None; see :meth:`pen_mobile.data.faces.FaceDetector.find`.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
            previous: face in the image before, which is followed.
        """
        if previous is not None and (face := self._settled(image, previous)) is not None:
            return face
        found = follow(previous, self.faces(image))
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
        return [face for square in _squares(image) for face in self._look(*square)]

    def close(self) -> None:
        """Release the network; nothing is found afterwards."""
        self._network.close()

    def _look(self, image: Image, top: int = 0, left: int = 0) -> list[Face]:
        """Return the faces in one look at pixels whose corner is at (left, top) of the image."""
        given = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        height, width = image.shape[:2]
        faces = [_face(one.keypoints, width, height) for one in self._network.detect(given).detections]
        shift = np.array([[1.0, 0, left], [0, 1, top]])
        return [moved(face, shift) for face in faces if face.eye_distance > 0]

    def _settled(self, image: Image, face: Face) -> Face | None:
        """Look around a face until its eyes stay; None when it is not there."""
        for _ in range(_LOOKS):
            seen = self._look_around(image, face)
            if seen is None:
                return None
            shift = np.abs(np.subtract(seen, face)).max() / face.eye_distance
            face = seen
            if shift < _SETTLED:
                break
        return face

    def _look_around(self, image: Image, face: Face) -> Face | None:
        here = follow(_IN_WINDOW, self._look(crop_face(image, face, _WINDOW)))
        if here is None:
            return None
        return moved(here, cv2.invertAffineTransform(eyes_to_crop(face, _WINDOW)))


def _face(keypoints: list[Any], width: int, height: int) -> Face:
    """Return the first two of the network's keypoints; they are shares of the image's sides."""
    return Face(*(Point(point.x * width - 0.5, point.y * height - 0.5) for point in keypoints[:2]))


def _squares(image: Image) -> Iterator[tuple[Image, int, int]]:
    """Yield squares of the shorter side, each overlapping the next by about half, with their top and left."""
    height, width = image.shape[:2]
    side, last = min(height, width), abs(height - width)
    for start in [*range(0, last, max(1, side // 2, last // _MOST_SQUARES)), last]:
        top, left = (start, 0) if height > width else (0, start)
        yield image[top : top + side, left : left + side], top, left


def _in_window() -> Face:
    half = _WINDOW.size / _WINDOW.margin / 2
    middle, height = _WINDOW.size / 2 - 0.5, _WINDOW.size * _WINDOW.eye_height - 0.5
    return Face(Point(middle - half, height), Point(middle + half, height))


_IN_WINDOW = _in_window()
