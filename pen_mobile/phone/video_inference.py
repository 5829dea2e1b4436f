"""Predictions for a video, moment by moment; memory does not grow with its length."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.faces import Face
from pen_mobile.data.readers.video import images_at, presentation_times
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Affect, NoFace, Phone
from pen_mobile.phone.smoothing import OneEuroFilter
from pen_mobile.utils.files import refuse_existing, replacing
from pen_mobile.utils.progress import SILENT, Progress

NO_FACE, NO_FRAME = "no face", "no frame"
_EYES = ("right_eye_x", "right_eye_y", "left_eye_x", "left_eye_y")
_SLACK_S = 1e-6


class MomentPrediction(NamedTuple):
    """The prediction for one moment of a video.

    Attributes:
        time_s: seconds since the start.
        affect: None when there is no prediction.
        refused: why there is none; empty when there is one.
    """

    time_s: float
    affect: Affect | None
    refused: str = ""

    def row(self, targets: Sequence[str]) -> dict[str, Any]:
        """Return time, estimates, eyes and the reason by name; None where there is none.

        Args:
            targets: names of the estimates.
        """
        affect, face = self.affect, None if self.affect is None else self.affect.face
        estimates = [None if affect is None else round(affect.targets[name], 6) for name in targets]
        eyes = [None] * len(_EYES) if face is None else [round(place, 1) for eye in face for place in eye]
        return {
            "time_s": round(self.time_s, 4),
            **dict(zip((*targets, *_EYES), (*estimates, *eyes), strict=True)),
            "refused": self.refused,
        }


@dataclass
class VideoSummary:
    """Counts over all moments of a video.

    Attributes:
        predicted: moments with a prediction.
        refused: moments without one, by reason.
        milliseconds: sums over the predicted moments, by stage.
        clipped: moments with an estimate that lay outside the range of labels.
    """

    predicted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    milliseconds: Counter[str] = field(default_factory=Counter)
    clipped: int = 0

    def count(self, moments: Iterable[MomentPrediction]) -> Iterator[MomentPrediction]:
        """Yield every moment and count it.

        Args:
            moments: of one video.
        """
        for moment in moments:
            if moment.affect is None:
                self.refused[moment.refused] += 1
            else:
                self.predicted += 1
                self.milliseconds.update(moment.affect.milliseconds)
                self.clipped += bool(moment.affect.clipped)
            yield moment

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; milliseconds are means."""
        means = {stage: round(total / self.predicted, 3) for stage, total in self.milliseconds.items()}
        counts = {"predicted": self.predicted, "refused": dict(self.refused), "clipped": self.clipped}
        return counts | {"milliseconds": means}


def predict_video(
    phone: Phone,
    path: Path,
    fps: float | None = None,
    *,
    aligned: bool = False,
    smooth: bool = False,
    progress: Progress = SILENT,
) -> Iterator[MomentPrediction]:
    """Predict for the person in a video, whose face is followed from moment to moment.

    Args:
        phone: an open phone.
        path: the video.
        fps: moments a second; None, or more than the video has, takes every frame.
        aligned: the frames are square face crops already; nothing is detected.
        smooth: pass the estimates through a One-Euro filter.
        progress: shows how many moments are done.

    Yields:
        One moment after the other, with a prediction or why there is none.

    Raises:
        BadInput: not a video, cut short, damaged, or the bundle takes no images.
    """
    times, tolerance = _times(path, fps)
    tracker = _FaceTracker(phone, aligned, OneEuroFilter() if smooth else None)
    next_place = 0
    with progress.task("predicting", len(times)) as task:
        for place, pixels in images_at(path, times, tolerance):
            yield from _without_frame(times[next_place:place])
            yield tracker.moment(float(times[place]), pixels)
            task.advance(place + 1 - next_place)
            next_place = place + 1
        yield from _without_frame(times[next_place:])


def write_csv(moments: Iterable[MomentPrediction], targets: Sequence[str], path: Path) -> None:
    """Write one line for each moment to a new file, whole or not at all.

    Args:
        moments: of one video.
        targets: names of the estimates.
        path: the file to make.

    Raises:
        BadInput: the file exists already.
    """
    refuse_existing(path)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ("time_s", *targets, *_EYES, "refused"))
        writer.writeheader()
        writer.writerows(moment.row(targets) for moment in moments)


class _FaceTracker:
    """Predicts for one face, from moment to moment."""

    def __init__(self, phone: Phone, aligned: bool, smooth: OneEuroFilter | None) -> None:
        self._phone, self._aligned, self._smooth = phone, aligned, smooth
        self._face: Face | None = None

    def moment(self, time_s: float, pixels: NDArray[np.uint8]) -> MomentPrediction:
        try:
            affect = self._phone.predict(pixels, self._aligned, self._face)
        except NoFace:
            return MomentPrediction(time_s, None, NO_FACE)
        self._face = affect.face
        if self._smooth is not None:
            labelling = self._phone.manifest.labelling
            unit = labelling.to_unit(np.array(list(affect.targets.values()), np.float32))
            smooth = labelling.to_labels(self._smooth(time_s, unit))
            affect = replace(affect, targets=dict(zip(affect.targets, smooth.tolist(), strict=True)))
        return MomentPrediction(time_s, affect)


def _times(path: Path, fps: float | None) -> tuple[NDArray[np.float64], float]:
    """Return the wanted times and how far from them a frame may be."""
    shown = np.unique(presentation_times(path))
    if not len(shown):
        raise BadInput(f"{path}: holds no frames")
    if fps is None:
        return shown, _SLACK_S
    count = shown[-1] * fps + _SLACK_S + 1
    return (np.arange(int(count)) / fps, 0.5 / fps) if count < len(shown) else (shown, _SLACK_S)


def _without_frame(times: NDArray[np.float64]) -> Iterator[MomentPrediction]:
    for time_s in times:
        yield MomentPrediction(float(time_s), None, NO_FRAME)
