"""A cap on memory that the operating system enforces: an allocation beyond it fails, as it would on a small phone."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_MMAP_THRESHOLD, _LARGE = -3, 1 << 20  # M_MMAP_THRESHOLD of glibc's mallopt; bytes


def allocated_mb() -> float | None:
    """Return what this process has allocated for itself (heap, stacks, private mappings), or None where unknown."""
    if not _STATUS.exists():
        return None
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024 / 1e6


def can_limit_memory() -> bool:
    """Tell whether this system enforces a cap (Linux does)."""
    return _STATUS.exists()


@contextmanager
def memory_limit(megabytes: float | None) -> Iterator[None]:
    """Let this process allocate at most so much more than it has, for as long as the block runs.

    The cap is ``RLIMIT_DATA``: libraries that are loaded already, files that are mapped, and address space that is only
    reserved do not count. What fails is up to who allocates: Python raises MemoryError, a library may raise its own
    error or end the process, so run the block in a process of its own. None, or a system that cannot, is no cap.
    """
    if megabytes is None or not can_limit_memory():
        yield
        return
    import resource

    _give_large_blocks_back()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = round(((allocated_mb() or 0) + megabytes) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _give_large_blocks_back() -> None:
    """Keep the C library from holding on to large blocks that are freed: they would count as in use for ever."""
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
