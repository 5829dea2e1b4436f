"""A task, and the interface of everything that can run many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pen_mobile.utils.progress import SILENT, Progress

Item = TypeVar("Item")


@dataclass(frozen=True)
class Task(Generic[Item]):
    """One piece of work, named by a key and fed by paths.

    Attributes:
        key: name, unique among the tasks of one call; shown to users.
        item: argument of the work; it is sent to another process, so large data belong into files.
        output: file that the work writes last, whole or not at all; where it exists, the task is done.
        needs: key of the task that must be done first; None for an independent task.
    """

    key: str
    item: Item
    output: Path
    needs: str | None = None

    @property
    def done(self) -> bool:
        """Whether the output exists."""
        return self.output.exists()


class Engine(Protocol):
    """Anything that runs tasks: this process, processes of this machine, later a cluster."""

    def map(
        self,
        work: Callable[[Item], None],
        tasks: Sequence[Task[Item]],
        *,
        title: str,
        progress: Progress = SILENT,
        note: Callable[[Task[Item]], str] = lambda task: task.key,
    ) -> None:
        """Run ``work(task.item)`` for every task that is not done, and return when all are done.

        An interruption or an error leaves the outputs of finished tasks, and no half-written file. The same call
        then goes on with the others.

        Args:
            work: function of a module or a method of an object that can be pickled; it writes ``task.output``.
            tasks: in the order in which they start; what a task needs stands before it, or is done.
            title: name of the progress bar.
            progress: listener, told of every finished task.
            note: text beside the bar after a task has finished.

        Raises:
            PenMobileError: a task failed, or a worker process died.
        """
