"""Progress of long work: what a task reports, and what shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work with a known or unknown number of steps."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count more steps as done.

        Args:
            steps: how many.
            note: replaces the short text beside the bar.
        """


class Progress(Protocol):
    """A display of progress: a terminal, a notebook, or nothing."""

    def task(self, name: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Open a task; it closes when the context ends.

        Args:
            name: short text beside the bar.
            total: number of steps; None when it is not known.
        """

    def say(self, message: str) -> None:
        """Print one line that stays.

        Args:
            message: text without markup.
        """


class _SilentTask:
    def advance(self, steps: int = 1, note: str = "") -> None:
        return None


class _Silent:
    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        yield _SilentTask()

    def say(self, message: str) -> None:
        return None


SILENT: Progress = _Silent()
"""Shows nothing: the default of every library function."""
