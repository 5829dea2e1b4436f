"""The processor of this machine, and the memory of this process."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

_KNOWN = (("avx512-amx", "amx_int8"), ("avx512", "avx512f"), ("avx2", "avx2"), ("sve", "sve"), ("neon", "asimd"))


def instruction_set(flags: set[str] | None = None) -> str:
    """Return the widest vector instructions of this processor, which decide the order of two libraries.

    Args:
        flags: of the processor, as ``/proc/cpuinfo`` names them; None asks this one.
    """
    flags = set((_fact("flags") or _fact("Features")).split()) if flags is None else flags
    return next((name for name, flag in _KNOWN if flag in flags), platform.machine().lower())


def processor_name() -> str:
    """Return what the processor calls itself."""
    return _fact("model name") or platform.processor() or platform.machine()


def peak_memory() -> int:
    """Return the largest resident memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) << 10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _fact(name: str) -> str:
    """Return one line of ``/proc/cpuinfo``, or nothing where there is none."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
