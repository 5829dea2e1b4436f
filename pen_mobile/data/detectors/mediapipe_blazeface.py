"""BlazeFace's network run by MediaPipe Tasks: for preparing data, and the reference for the bundle's own program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.faces import Face, Point
from pen_mobile.errors import BadInput
from pen_mobile.types import Image


class MediaPipeLook:
    """One look at an image through MediaPipe."""

    def __init__(self, model: Path) -> None:
        """Load the network.

        Args:
            model: ``blaze_face_short_range.tflite``.

        Raises:
            BadInput: the file is not a face detector that MediaPipe can load.
        """
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        search = FaceSearch()
        self._mediapipe: Any = mediapipe
        try:
            options = vision.FaceDetectorOptions(
                base_options=BaseOptions(model_asset_buffer=model.read_bytes()),
                min_detection_confidence=search.min_score,
                min_suppression_threshold=search.max_overlap,
            )
            self._network: Any = vision.FaceDetector.create_from_options(options)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadInput(f"{model}: not a face detector for MediaPipe: {str(error).splitlines()[0]}") from None

    def __call__(self, image: Image) -> list[Face]:
        """Return the faces in an image, in its pixels.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
        """
        given = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        height, width = image.shape[:2]
        return [_face(one.keypoints, width, height) for one in self._network.detect(given).detections]

    def close(self) -> None:
        """Release the network."""
        self._network.close()


def _face(keypoints: list[Any], width: int, height: int) -> Face:
    """Return the first two of the network's keypoints; they are shares of the image's sides."""
    return Face(*(Point(point.x * width - 0.5, point.y * height - 0.5) for point in keypoints[:2]))
