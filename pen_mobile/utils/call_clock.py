"""Calls of a bundle's programs in a supervised process: their time is seen from outside, their memory is limited."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pen_mobile.utils.memory_limit import memory_limit

CALL_MEGABYTES = 2000
"""Memory that one call may take beyond what its process has already."""

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


@contextmanager
def supervised_call() -> Iterator[None]:
    """Note when the block begins and ends, and limit its memory; without a supervising process do nothing."""
    if _shared is None:
        yield
        return
    _BEGAN.pack_into(_shared, 0, time.monotonic())
    try:
        with memory_limit(CALL_MEGABYTES, give_back=False):
            yield
    finally:
        _BEGAN.pack_into(_shared, 0, 0.0)
