"""Frames of a video at given times, by presentation timestamp: one pass, nothing decoded twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from pen_mobile.data.readers.stream import Broken, opened, packet_times, timed_frames
from pen_mobile.errors import BadInput
from pen_mobile.types import Image

_SLACK_S = 1e-9


def images_at(path: Path, times_s: NDArray[np.float64], tolerance_s: float = 0.02) -> Iterator[tuple[int, Image]]:
    """Yield the place in ``times_s`` and the frame shown nearest to each wanted time, where there is one.

    Times count from the start of the video stream. The frame rate may vary; a frame may serve several times. A time
    with no frame within the tolerance is passed over, so what was passed over is what was not yielded. Decoding
    stops behind the last wanted time: damage after it is not noticed.

    Args:
        path: the video.
        times_s: wanted times in seconds, never decreasing.
        tolerance_s: how far from the wanted time a frame may be; of two equally near ones the earlier is taken.

    Raises:
        BadInput: the file is not a video; or it is cut short or damaged, and then only after every time that could
            still be served has been yielded. A file that lost its index, as a cut MP4 often has, yields nothing.
    """
    if np.any(np.diff(times_s) < 0) or not np.all(np.isfinite(times_s)):
        raise BadInput(f"{path}: the wanted times must be seconds in increasing order")
    with opened(path) as (container, stream):
        frames = _Pair(timed_frames(container, stream))
        for place, wanted in enumerate(times_s):
            pixels = frames.nearest(float(wanted), tolerance_s)
            if pixels is not None:
                yield place, pixels
        if frames.broken:
            raise BadInput(f"{path}: cannot be decoded beyond {frames.latest_s:.3f} s: {frames.broken}")


def presentation_times(path: Path) -> NDArray[np.float64]:
    """Return when each frame is shown, in seconds since the start of the stream, without decoding any.

    Raises:
        BadInput: the file is not a video, or it is cut short or damaged.
    """
    with opened(path) as (container, stream):
        try:
            return np.sort(np.array(list(packet_times(container, stream)), dtype=np.float64))
        except Broken as error:
            raise BadInput(f"{path}: cannot be read to its end: {error}") from None


def _upright(frame: VideoFrame) -> Image:
    """Return RGB pixels, turned as the file says they must be shown: phones store a portrait on its side."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    quarters = round(frame.rotation / 90)
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


class _Pair:
    """Walks through frames in time, holding two neighbours; converts a frame to RGB only when it is taken."""

    def __init__(self, frames: Iterator[tuple[float, VideoFrame]]) -> None:
        self.broken = ""
        self.latest_s = 0.0
        self._frames = frames
        self._held: list[tuple[float, VideoFrame]] = []
        self._taken: tuple[float, Image] | None = None

    def nearest(self, wanted_s: float, tolerance_s: float) -> Image | None:
        """Return the frame nearest to a time that is not before the last one asked for, or None."""
        while (not self._held or self._held[-1][0] < wanted_s) and (coming := self._next()) is not None:
            self._held = [*self._held[-1:], coming]
        if not self._held:
            return None
        time_s, frame = min(self._held, key=lambda held: abs(held[0] - wanted_s))
        if abs(time_s - wanted_s) > tolerance_s + _SLACK_S:
            return None
        if self._taken is None or self._taken[0] != time_s:
            self._taken = time_s, _upright(frame)
        return self._taken[1]

    def _next(self) -> tuple[float, VideoFrame] | None:
        try:
            coming = next(self._frames, None)
        except Broken as error:
            self.broken = str(error)
            return None
        if coming is not None:
            self.latest_s = coming[0]
        return coming
