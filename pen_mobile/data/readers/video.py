"""Images of a video at given times, by presentation timestamp: nothing is decoded twice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from pen_mobile.data.readers.damage import Broken
from pen_mobile.data.readers.display import shown
from pen_mobile.data.readers.stream import Timeline, opened, timed_frames, timeline
from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles, Image

_SLACK_S = 1e-9


def images_at(path: Path, times_s: Doubles, tolerance_s: float = 0.02) -> Iterator[tuple[int, Image]]:
    """Yield the place in ``times_s`` and the image shown nearest to each wanted time, where there is one.

    Times count from the start of the video stream. The frame rate may vary; an image may serve several times. A time
    without an image within the tolerance is passed over, so what was passed over is what was not yielded. That
    includes stretches where the decoder noticed damage; damage that leaves a stream valid cannot be noticed. Decoding
    stops behind the last wanted time: a cut after it is not noticed. Images come as a player shows them: mirrored and
    turned by the display matrix, with square pixels.

    Args:
        path: the video.
        times_s: wanted times in seconds, never decreasing.
        tolerance_s: how far from the wanted time an image may be; of two equally near ones the earlier is taken.

    Yields:
        Place in ``times_s``, and uint8 RGB ``[H, W, 3]``.

    Raises:
        BadInput: the file is not a video, or its frames have no times; or it is cut short, and then only after every
            time that could still be served has been yielded. A file that lost its index, as a cut MP4 often has,
            yields nothing.
    """
    if np.any(np.diff(times_s) < 0) or not np.all(np.isfinite(times_s)):
        raise BadInput(f"{path}: the wanted times must be seconds in increasing order")
    times = _timeline(path)
    with opened(path) as (container, stream):
        frames = _Pair(timed_frames(container, stream, times), stream.sample_aspect_ratio)
        for place, wanted in enumerate(times_s):
            image = frames.nearest(float(wanted), tolerance_s)
            if image is not None:
                yield place, image
        if frames.broken:
            raise BadInput(f"{path}: cannot be decoded beyond {frames.latest_s:.3f} s: {frames.broken}")


def presentation_times(path: Path) -> Doubles:
    """Return when each frame is shown, in seconds since the start of the stream, without decoding any.

    Args:
        path: the video.

    Returns:
        float64 ``[F]``, never decreasing.

    Raises:
        BadInput: the file is not a video, it is cut short, or its frames have no times.
    """
    times = _timeline(path)
    if times.broken:
        raise BadInput(f"{path}: cannot be read to its end: {times.broken}")
    return times.shown_s


def _timeline(path: Path) -> Timeline:
    with opened(path) as (container, stream):
        return timeline(container, stream)


class _Pair:
    """Walks through frames in time, holding two neighbours; converts a frame to RGB only when it is taken."""

    def __init__(self, frames: Iterator[tuple[float, VideoFrame]], pixel_aspect: Fraction | None) -> None:
        self.broken = ""
        self.latest_s = 0.0
        self._frames = frames
        self._pixel_aspect = pixel_aspect
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
            try:
                self._taken = time_s, shown(frame, self._pixel_aspect)
            except (av.FFmpegError, ValueError):  # damage gave it a format that nothing converts
                return None
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
