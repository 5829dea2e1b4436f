"""How long work tells somebody that it is moving, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work with a known or unknown number of steps."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more as done; ``note`` replaces the short text beside the bar."""


class Progress(Protocol):
    """Whoever shows progress: a terminal, or nobody."""

    def task(self, name: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Open a task; it closes when the context ends."""

    def say(self, message: str) -> None:
        """Print one line that stays."""


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
"""The listener that hears nothing: the default of every library function."""
