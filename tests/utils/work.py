"""Work for other processes."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path


def say_hello(report: Callable[[str], None]) -> str:
    report("a word")
    return "hello"


def touch(path: Path) -> None:
    path.touch()


def hold_the_lock(report: Callable[[str], None]) -> None:
    """Sleep as a library's function that never returns and lets no other thread run Python."""
    report(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)


def say_and_sleep(item: int) -> None:
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(600)


def want_memory(report: Callable[[str], None]) -> int:
    return len(bytearray(1 << 30))
