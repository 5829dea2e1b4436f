"""Keep what libraries print, from Python or from C++, out of the user's sight."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

SHOW_VARIABLE = "PEN_MOBILE_DEBUG"
"""Environment variable: when it is set, nothing is silenced."""

_lock = threading.RLock()
_depth = 0
_restore = contextlib.ExitStack()
_kept: dict[int, int] = {}
_python_error: list[IO[str]] = []


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Discard what is written to the file descriptors 1 and 2, Python warnings and log lines while the block runs.

    ExecuTorch, MediaPipe and torch write there from C++, where no setting reaches. In a notebook, ExecuTorch writes to
    Python's standard error instead, which is discarded where it leads elsewhere. Blocks may be nested, and may run in
    several threads: everything is as before when the last one has ended. Nothing happens where ``PEN_MOBILE_DEBUG`` is
    set.
    """
    global _depth
    if os.environ.get(SHOW_VARIABLE):
        yield
        return
    with _lock:
        _depth += 1
        if _depth == 1:
            _silence(_restore)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _restore.close()


def audible(descriptor: int) -> int:
    """Return a new descriptor to where 1 or 2 leads when libraries are not silenced.

    Args:
        descriptor: 1 or 2.

    Raises:
        OSError: it is closed.
    """
    return os.dup(_kept.get(descriptor, descriptor))


def standard_error() -> IO[str]:
    """Return Python's standard error as it is when libraries are not silenced."""
    return _python_error[-1] if _python_error else sys.stderr


def leads_to(stream: object, descriptor: int) -> bool:
    """Tell whether a stream of Python writes to a file descriptor.

    Args:
        stream: such as ``sys.stderr``; in a notebook and in tests it may be any object.
        descriptor: 1 or 2.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return bool(stream.fileno() == descriptor)  # type: ignore[attr-defined]
    return False


def _silence(restore: contextlib.ExitStack) -> None:
    _flush()
    if not leads_to(sys.stderr, 2):
        _python_error.append(sys.stderr)
        restore.callback(_python_error.clear)
        nowhere = Path(os.devnull).open("w")  # noqa: SIM115  closed by the stack
        restore.callback(nowhere.close)
        restore.enter_context(contextlib.redirect_stderr(nowhere))
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # closed: there is nothing to silence
            _discard(descriptor, restore)
    restore.callback(_flush)
    restore.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    restore.callback(logging.disable, logging.root.manager.disable)
    logging.disable(logging.CRITICAL)


def _discard(descriptor: int, restore: contextlib.ExitStack) -> None:
    kept = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    _kept[descriptor] = kept
    restore.callback(os.close, kept)
    restore.callback(_kept.pop, descriptor)
    restore.callback(os.dup2, kept, descriptor)


def _flush() -> None:
    """Write out what Python and C have buffered, to where it belongs now."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    ctypes.CDLL(None).fflush(None)
