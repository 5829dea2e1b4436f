"""The terminal: results to standard output, progress to standard error, and nobody else's chatter on either."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from typing import IO


class LossyStream(io.TextIOWrapper):
    """Text that is dropped when nothing takes it: a full disk under a log of progress must not end the work."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def open_closed_streams() -> None:
    """Open the null device where standard input, output or error was closed by whoever started this program.

    Otherwise the next file that is opened would get that number, and what libraries print would go into it.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this descriptor
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def claim_streams(debug: bool) -> tuple[IO[str], IO[str]]:
    """Take standard output and error for this program alone, and return both.

    Args:
        debug: let through what libraries print, from Python or C++, to standard error; otherwise it goes nowhere.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    raw = io.BufferedWriter(io.FileIO(os.dup(2), "w"))
    err = LossyStream(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    elsewhere = os.dup(2) if debug else os.open(os.devnull, os.O_WRONLY)
    os.dup2(elsewhere, 1)
    os.dup2(elsewhere, 2)
    os.close(elsewhere)
    if not debug:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
    return out, err
