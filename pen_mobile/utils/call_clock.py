"""Calls of a bundle's programs in a supervised process: their time is seen from outside, their memory is limited."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from pen_mobile.utils.memory_limit import memory_limit

CALL_MEGABYTES = 2000
"""Memory that one call may take beyond what its process has already."""

_BEGAN, _NOTHING = struct.Struct("d"), nullcontext()
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


def supervised_call() -> AbstractContextManager[None]:
    """Note when the block begins and ends, and limit its memory; without a supervising process do nothing."""
    return _NOTHING if _shared is None else _supervised(_shared)


@contextmanager
def _supervised(shared: mmap.mmap) -> Iterator[None]:
    _BEGAN.pack_into(shared, 0, time.monotonic())
    try:
        with memory_limit(CALL_MEGABYTES, give_back=False):
            yield
    finally:
        _BEGAN.pack_into(shared, 0, 0.0)
