"""A video file as a stream of timed packets and frames that says when it breaks off."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pen_mobile.data.pixel_limit import check_pixels, max_pixels
from pen_mobile.data.readers.damage import INCOMPLETE, Broken, Damage
from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles

_MISSING_END_S = 0.5
_NO_PRESENTATION_TIMES = {"avi"}  # containers that store times of decoding only
_REMUX = "frames without usable times (remux it, for instance 'ffmpeg -i IN -c copy OUT.mkv')"


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the frames of a stream are shown, found without decoding any.

    Attributes:
        shown_s: seconds since the start of the stream, float64 ``[F]``, in increasing order.
        in_order: True when frames only have a place in the order of showing, because the file stores no times of
            showing; frame number k from the decoder is then shown at ``shown_s[k]``.
        broken: reason why the file ends early; empty when it does not.
    """

    shown_s: Doubles
    in_order: bool
    broken: str

    def seconds_of(self, number: int) -> float:
        """Return when a frame is shown that only has a place in the order.

        Args:
            number: of the frame, from 0.

        Raises:
            Broken: the file lists fewer frames.
        """
        if number == len(self.shown_s):
            raise Broken(_REMUX)
        return float(self.shown_s[number])


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and its first stream of moving pictures; cover art does not count.

    Args:
        path: the file; a pipe is refused.

    Yields:
        The container and the stream.

    Raises:
        BadInput: the file is not a video, or its frames have too many pixels.
    """
    container = _container(path)
    with container:
        moving = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
        if not moving:
            raise BadInput(f"{path}: holds no video stream")
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise BadInput(f"{path}: is an image, not a video")
        _set_up(path, moving[0])
        yield container, moving[0]


def timeline(container: InputContainer, stream: VideoStream) -> Timeline:
    """Read when each frame is shown; the container is then at its end.

    Times of showing come from the file; where it stores none, as AVI, they are the times of decoding in order.

    Args:
        container: just opened.
        stream: its stream of moving pictures.
    """
    pts, dts, broken = [], [], ""
    try:
        for packet in _packets(container, stream):
            if packet.size and not packet.is_discard:
                pts.append(packet.pts)
                dts.append(packet.dts)
    except Broken as error:
        broken = str(error)
    base = stream.time_base or Fraction(0)
    if container.format.name not in _NO_PRESENTATION_TIMES and None not in pts:
        return Timeline(_seconds(pts, stream.start_time or 0, base), False, broken)
    if None in dts:
        return Timeline(np.empty(0), True, _REMUX)
    return Timeline(_seconds(dts, min((tick for tick in dts if tick is not None), default=0), base), True, broken)


def timed_frames(container: InputContainer, stream: VideoStream, times: Timeline) -> Iterator[tuple[float, VideoFrame]]:
    """Yield decoded frames with their times in seconds since the stream's start, strictly increasing.

    Frames that damage has touched, as far as it can be noticed, are left out: from the damage to the next frame that
    can be decoded by itself.

    Args:
        container: just opened.
        stream: its stream of moving pictures.
        times: timeline of the same file.

    Raises:
        Broken: the rest cannot be decoded; what could be has been yielded before.
    """
    last = -np.inf
    for number, frame in enumerate(_frames(container, stream, times.in_order)):
        time_s = times.seconds_of(number) if times.in_order else _frame_seconds(frame, stream)
        if time_s > last and not frame.is_corrupt:
            last = time_s
            yield time_s, frame


def _container(path: Path) -> InputContainer:
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            raise BadInput(f"{path}: is a pipe; a video is read twice, so write it to a file first")
        return av.open(f"file:{path}", "r")  # without "file:", a colon in the name would make it an address
    except UnicodeEncodeError:
        return _container_of_bytes(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{path}: not a video that can be read: {reason}") from None


def _container_of_bytes(path: Path) -> InputContainer:
    """Open a video whose name is not UTF-8, which libav cannot be told."""
    try:
        return av.open(path.open("rb"), "r")
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"{path}: not a video that can be read: {error.strerror}") from None


def _set_up(path: Path, stream: VideoStream) -> None:
    """Let the decoder report damage instead of concealing it, which it does with one thread only."""
    context = stream.codec_context
    if context is None:
        raise BadInput(f"{path}: its codec cannot be decoded here; convert it, for instance to H.264")
    check_pixels(path, context.width, context.height)
    context.thread_count = 1
    context.options = {"err_detect": "explode", "max_pixels": str(max_pixels())}


def _frames(container: InputContainer, stream: VideoStream, in_order: bool) -> Iterator[VideoFrame]:
    """Yield frames in order of showing, without those that damage has touched."""
    damage = Damage(stream, in_order)
    try:
        for packet in _packets(container, stream):
            yield from (frame for frame in damage.decode(packet) if not damage.touches(frame))
    except Broken:
        yield from (frame for frame in _delayed(stream) if not damage.touches(frame))
        raise


def _delayed(stream: VideoStream) -> list[VideoFrame]:
    """Return the frames that the decoder still holds back for reordering."""
    try:
        return stream.decode(None)
    except av.FFmpegError:
        return []


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the stream's packets and one empty one that flushes the decoder; break when the file is cut short."""
    end_s, incomplete = 0.0, False
    try:
        for packet in container.demux(stream):
            if packet.size:
                incomplete = packet.is_corrupt
            if packet.pts is not None and stream.time_base is not None:
                shown_until = packet.pts + (packet.duration or 0) - (stream.start_time or 0)
                end_s = max(end_s, float(shown_until * stream.time_base))
            if packet.dts is None and not packet.size:
                if incomplete:
                    raise Broken(INCOMPLETE)
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


def _seconds(ticks: list[int | None], start: int, base: Fraction) -> Doubles:
    return np.sort(np.array([float((tick - start) * base) for tick in ticks if tick is not None], dtype=np.float64))


def _frame_seconds(frame: VideoFrame, stream: VideoStream) -> float:
    if frame.pts is None or stream.time_base is None:
        raise Broken(_REMUX)
    return float((frame.pts - (stream.start_time or 0)) * stream.time_base)
