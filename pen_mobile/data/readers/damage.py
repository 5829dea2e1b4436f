"""Damage inside a video: which frames it touches, as far as it can be noticed."""

from __future__ import annotations

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pen_mobile.data.readers.nal_units import UnitFormat

INCOMPLETE = "a frame is incomplete"


class Broken(Exception):
    """The stream ends before the file says it should, or cannot be decoded further."""


class Damage:
    """The last damaged stretch: everything that is shown before the next frame that can be decoded by itself."""

    def __init__(self, stream: VideoStream, in_order: bool) -> None:
        """Begin without any.

        Args:
            stream: the video's pictures.
            in_order: True when frames are timed by their place in order, so that none may be left out.
        """
        context = stream.codec_context
        self._units = UnitFormat.of(context.codec.name, context.extradata)
        self._in_order = in_order
        self._incomplete = False  # the packet before was; at the end of a file that harms no other frame
        self._going_on = False
        self._until: int | None = None  # time of showing of the first good frame, in the stream's unit

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """Return the frames that come out when a packet goes in; none when it is damaged.

        Args:
            packet: the next one of the stream.

        Raises:
            Broken: it is, and a frame less would move every later one to another time.
        """
        if packet.is_corrupt:
            self._incomplete = True
            return []
        if self._incomplete:
            self._begin(INCOMPLETE)
        if not self._units.is_legal(bytes(packet)):
            self._begin("damaged")
            return []
        if self._going_on and packet.is_keyframe:
            self._going_on, self._until = False, packet.pts
        try:
            return packet.decode()
        except av.FFmpegError as error:
            self._begin(error.strerror or "damaged")
            return []

    def touches(self, frame: VideoFrame) -> bool:
        """Tell whether a frame is shown in the damaged stretch.

        Args:
            frame: as :meth:`decode` gave it.
        """
        return self._going_on or (self._until is not None and (frame.pts is None or frame.pts < self._until))

    def _begin(self, reason: str) -> None:
        if self._in_order:
            raise Broken(reason)
        self._incomplete, self._going_on = False, True
