"""A video file as a stream of timed packets and frames that says when it breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pen_mobile.errors import BadInput

_MISSING_END_S = 0.5


class Broken(Exception):
    """The stream ends before the file says it should, or cannot be decoded further."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and its first stream of moving pictures; cover art does not count.

    Raises:
        BadInput: the file is not a video.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"{path}: not a video that can be read: {error.strerror}") from None
    with container:
        moving = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
        if not moving:
            raise BadInput(f"{path}: holds no video stream")
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise BadInput(f"{path}: is an image, not a video")
        yield container, moving[0]


def timed_frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Yield decoded frames with their times in seconds since the stream's start, strictly increasing.

    Raises:
        Broken: the rest cannot be decoded; what could be has been yielded before.
    """
    last = -np.inf
    for frame in _frames(container, stream):
        time_s = _seconds(frame.pts, stream)
        if time_s > last and not frame.is_corrupt:
            last = time_s
            yield time_s, frame


def packet_times(container: InputContainer, stream: VideoStream) -> Iterator[float]:
    """Yield when each frame is shown, in the order of decoding, without decoding.

    Raises:
        Broken: the file is cut short or damaged.
    """
    for packet in _packets(container, stream):
        if packet.size and not packet.is_discard:
            yield _seconds(packet.pts, stream)


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    broken: Broken | None = None
    try:
        for packet in _packets(container, stream):
            yield from packet.decode()
    except av.FFmpegError as error:
        broken = Broken(error.strerror)
    except Broken as error:
        broken = error
    if broken is not None:
        yield from _delayed(stream)
        raise broken


def _delayed(stream: VideoStream) -> list[VideoFrame]:
    """Return the frames that the decoder still holds back for reordering."""
    try:
        return stream.decode(None)
    except av.FFmpegError:
        return []


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the stream's packets and one empty one that flushes the decoder; break when the file is cut short."""
    end_s = 0.0
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise Broken("a frame is incomplete")
            if packet.pts is not None:
                end_s = max(end_s, _seconds(packet.pts + (packet.duration or 0), stream))
            if packet.dts is None and not packet.size:
                _check_end(container, stream, end_s)
            yield packet
    except av.FFmpegError as error:
        raise Broken(error.strerror) from None


def _check_end(container: InputContainer, stream: VideoStream, end_s: float) -> None:
    """Break when the stream ended well before the length that the file declares (where it declares one)."""
    declared_s = 0.0
    if stream.duration and stream.time_base:
        declared_s = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:
        # Matroska counts its length from zero, wherever its first frame is.
        declared_s = (container.duration - max(0, container.start_time or 0)) / av.time_base
    if declared_s - end_s > _MISSING_END_S:
        raise Broken(f"it says that it lasts {declared_s:.3f} s")


def _seconds(pts: int | None, stream: VideoStream) -> float:
    if pts is None or stream.time_base is None:
        raise Broken("frames without presentation timestamps (remux it, for instance to MP4)")
    return float((pts - (stream.start_time or 0)) * stream.time_base)
