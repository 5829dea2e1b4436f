"""A detector by the name that a person types or a bundle states."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.data.detectors.blazeface import BLAZEFACE, BlazeFace
from pen_mobile.data.detectors.lbp import LBP_FRONTAL, LbpFrontal
from pen_mobile.data.detectors.model_file import resolve_model
from pen_mobile.data.faces import FaceDetector
from pen_mobile.errors import BadInput
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.suggestions import choices

DETECTORS = (BLAZEFACE, LBP_FRONTAL)


def open_detector(name: str, model: Path | None = None, progress: Progress = SILENT) -> FaceDetector:
    """Load a detector; close it after use.

    Args:
        name: one of :data:`DETECTORS`.
        model: BlazeFace's weights; None looks for them (see :mod:`.model_file`).
        progress: told when weights are fetched.

    Raises:
        BadInput: there is no such detector, or its weights cannot be had.
    """
    if name == LBP_FRONTAL:
        return LbpFrontal()
    if name == BLAZEFACE:
        from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook

        return BlazeFace(MediaPipeLook(resolve_model(model, progress)))
    raise BadInput(f"unknown face detector {name!r}; {choices(name, DETECTORS)}")


def best_detector(model: Path | None = None, progress: Progress = SILENT) -> tuple[str, Path | None]:
    """Return BlazeFace and its weights when they can be had, else the cascade, which needs none.

    Args:
        model: BlazeFace's weights; None looks for them.
        progress: told when the cascade is taken, and why.

    Raises:
        BadInput: the named file is missing.
    """
    try:
        return BLAZEFACE, resolve_model(model, progress)
    except BadInput as error:
        if model is not None:
            raise
        progress.say(f"{error}; going on with {LBP_FRONTAL}: upright faces only, and about ten frames a second")
        return LBP_FRONTAL, None
