"""Processes that end with their parent, however that ends: also by SIGKILL, and also inside a library's call."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Let the system end this process when its parent ends.

    Linux sends SIGKILL. Elsewhere a thread waits for the end of a pipe to the parent, which it cannot notice while a
    library holds Python's lock; the deadline of the process covers that.

    Args:
        parent: process id of the parent.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    elif multiprocessing.parent_process() is not None:
        threading.Thread(target=_wait_for_parent, daemon=True).start()
    if os.getppid() != parent:  # it has ended before this process could say so
        os._exit(1)


def _wait_for_parent() -> None:
    process = multiprocessing.parent_process()
    if process is not None:
        wait([process.sentinel])
        os._exit(1)
