"""Progress on a terminal, in a notebook, or as lines in a log."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from pen_mobile.utils.progress import SILENT, Progress, Task
from pen_mobile.utils.silence import audible, leads_to, standard_error
from pen_mobile.utils.text import visible_line

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def progress_of(wanted: bool | Progress) -> Progress:
    """Return where progress is shown.

    Args:
        wanted: False shows nothing, True shows it on a terminal, in a notebook or as lines on standard error; an object
            is returned as it is.
    """
    if not isinstance(wanted, bool):
        return wanted
    if not wanted:
        return SILENT
    return NotebookProgress() if _in_notebook() else TerminalProgress(_own_standard_error())


class TerminalProgress:
    """Progress bars on a terminal; elsewhere one line for each task when it is done."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, force_jupyter=False)

    @contextlib.contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        """Show a bar for as long as the block runs.

        Args:
            name: short text beside the bar.
            total: number of steps; None when it is not known.
        """
        if not self._console.is_terminal:
            line = _Line()
            yield line
            self.say(f"{name}: {line.summary()}")
            return
        with _bars(self._console) as bars:
            yield _Bar(bars, bars.add_task(visible_line(name), total=total, note=""))

    def say(self, message: str) -> None:
        """Print one line that stays.

        Args:
            message: text without markup.
        """
        self._console.print(visible_line(message), markup=False, soft_wrap=True)  # a log has a line for each message


class NotebookProgress:
    """One line for each task, which changes in place."""

    @contextlib.contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        """Show a line for as long as the block runs; it stays with the time that the task took.

        Args:
            name: short text at the beginning of the line.
            total: number of steps; None when it is not known.
        """
        line = _NotebookLine(name, total)
        yield line
        line.finish()

    def say(self, message: str) -> None:
        """Print one line that stays.

        Args:
            message: text without markup.
        """
        print(visible_line(message))


class _Line:
    """What remains to be printed about a task where nobody watches it."""

    def __init__(self) -> None:
        self._started, self._note = time.perf_counter(), ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._note = note or self._note

    def summary(self) -> str:
        seconds = f"{time.perf_counter() - self._started:.1f} s"
        return f"{seconds}, {self._note}" if self._note else seconds


class _NotebookLine(_Line):
    _REFRESH_S = 0.5

    def __init__(self, name: str, total: int | None) -> None:
        from IPython.display import display

        super().__init__()
        self._name, self._total, self._done, self._shown = name, total, 0, self._started
        self._display: Any = display({"text/plain": visible_line(f"{name} ...")}, raw=True, display_id=True)

    def advance(self, steps: int = 1, note: str = "") -> None:
        super().advance(steps, note)
        self._done += steps
        now = time.perf_counter()
        if now - self._shown >= self._REFRESH_S:
            self._shown = now
            of = f" of {self._total}" if self._total else ""
            self._show(f"{self._name} {self._done}{of} {self._note}")

    def finish(self) -> None:
        self._show(f"{self._name}: {self.summary()}")

    def _show(self, text: str) -> None:
        self._display.update({"text/plain": visible_line(text)}, raw=True)


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            self._bars.update(self._task, advance=steps, note=visible_line(note))
        else:
            self._bars.update(self._task, advance=steps)


def _bars(console: Any) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this process."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _own_standard_error() -> IO[str]:
    """Return standard error on a descriptor of its own, which stays when libraries are silenced."""
    stream = standard_error()
    if leads_to(stream, 2):
        with contextlib.suppress(OSError):
            return os.fdopen(audible(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    return stream
