"""A memory limit that the operating system enforces: an allocation beyond it fails, as on a small phone."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_MMAP_THRESHOLD, _LARGE = -3, 1 << 20  # M_MMAP_THRESHOLD of glibc's mallopt; bytes


def allocated_mb() -> float | None:
    """Return the private memory of this process (heap, stacks, private mappings) in MB, or None where unknown."""
    if not _STATUS.exists():
        return None
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024 / 1e6


def can_limit_memory() -> bool:
    """Tell whether this system enforces a memory limit; Linux does."""
    return _STATUS.exists()


@contextmanager
def memory_limit(megabytes: float | None, give_back: bool = True) -> Iterator[None]:
    """Limit the memory that this process allocates inside the block, beyond what it has already.

    The limit is ``RLIMIT_DATA``: libraries that are loaded already, mapped files, and address space that is only
    reserved do not count. Beyond it, Python raises MemoryError, and a library raises its own error or ends the
    process: run the block in a process of its own.

    Args:
        megabytes: additional memory in MB; None is no limit, and so is a system that cannot enforce one.
        give_back: let the C library return large freed blocks at once, for the rest of the process: exact, and slower.
    """
    if megabytes is None or not can_limit_memory():
        yield
        return
    import resource

    if give_back:
        _give_large_blocks_back()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = round(((allocated_mb() or 0) + megabytes) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _give_large_blocks_back() -> None:
    """Make the C library return large freed blocks to the system: blocks it keeps would count as in use."""
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
