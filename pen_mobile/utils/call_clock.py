"""When the present call into a library began, in memory that a supervising process sees."""

from __future__ import annotations

import mmap
import struct
import time

_BEGAN = struct.Struct("d")
_shared: mmap.mmap | None = None


class CallClock:
    """The clock as the supervising process reads it."""

    def __init__(self) -> None:
        """Make the memory that this process and its future children share."""
        global _shared
        self._memory = _shared = mmap.mmap(-1, _BEGAN.size)

    def seconds(self) -> float:
        """Return for how long the present call has run; 0 between calls."""
        (began,) = _BEGAN.unpack_from(self._memory)
        return time.monotonic() - began if began else 0.0


def begin_call() -> None:
    """Note that a call begins; without a supervising process nothing is noted."""
    if _shared is not None:
        _BEGAN.pack_into(_shared, 0, time.monotonic())


def end_call() -> None:
    """Note that the call has ended."""
    if _shared is not None:
        _BEGAN.pack_into(_shared, 0, 0.0)
