"""The terminal: results to standard output, progress to standard error, and nobody else's chatter on either."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from pen_mobile.utils.progress import Task


@dataclass(frozen=True)
class Streams:
    """Where a command writes."""

    out: IO[str]
    err: IO[str]


def claim_streams(debug: bool) -> Streams:
    """Take standard output and error for this program alone.

    What libraries print, from Python or C++, goes nowhere afterwards; with ``debug`` it goes to
    standard error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ours = [os.fdopen(os.dup(descriptor), "w", buffering=1, encoding="utf-8") for descriptor in (1, 2)]
    elsewhere = os.dup(2) if debug else os.open(os.devnull, os.O_WRONLY)
    os.dup2(elsewhere, 1)
    os.dup2(elsewhere, 2)
    os.close(elsewhere)
    if not debug:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
    return Streams(*ours)


class TerminalProgress:
    """Progress bars on a terminal; elsewhere one line for each task when it is done."""

    def __init__(self, stream: IO[str]) -> None:
        self._console = Console(file=stream, highlight=False)

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        """Show a bar for as long as the block runs."""
        if not self._console.is_terminal:
            line = _Line()
            yield line
            self.say(f"{name}: {line.summary()}")
            return
        bars = Bars(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self._console,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bars:
            yield _Bar(bars, bars.add_task(name, total=total, note=""))

    def say(self, message: str) -> None:
        """Print one line that stays."""
        self._console.print(message, markup=False)


class _Line:
    """What is left to say about a task when nobody watched it."""

    def __init__(self) -> None:
        self._started, self._note = time.perf_counter(), ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._note = note or self._note

    def summary(self) -> str:
        seconds = f"{time.perf_counter() - self._started:.1f} s"
        return f"{seconds}, {self._note}" if self._note else seconds


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            self._bars.update(self._task, advance=steps, note=note)
        else:
            self._bars.update(self._task, advance=steps)
