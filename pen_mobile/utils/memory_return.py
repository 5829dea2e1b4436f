"""Memory that was freed, and goes back to the system."""

from __future__ import annotations

import ctypes


def return_freed_memory() -> bool:
    """Give pages of freed memory back to the system, where the C library can (glibc's ``malloc_trim``).

    Returns:
        Whether some went back.

    Source: https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # another C library than glibc
        return False
    return bool(trim(ctypes.c_size_t(0)))
