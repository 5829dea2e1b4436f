"""Work in a process of its own, so that a crash ends that process and nothing else."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar, cast

from pen_mobile.errors import PenMobileError
from pen_mobile.utils.memory_limit import memory_limit
from pen_mobile.utils.process_end import end_with_parent
from pen_mobile.utils.spawn import spawn_context

Result = TypeVar("Result")
Listener = Callable[[str], None]

_PATIENCE_S = 5.0


class SubprocessFailed(PenMobileError):
    """The process ended without a result."""


class SubprocessKilled(SubprocessFailed):
    """The system or a library ended the process by a signal, memory was wanting, or its time was over."""


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    Attributes:
        seconds: time from its start to its result; None is no deadline.
        megabytes: memory beyond what Python itself takes; None is no limit, and so is a system that cannot enforce one.
    """

    seconds: float | None = None
    megabytes: float | None = None


NO_LIMITS = Limits()


class Subprocess(Generic[Result]):
    """One call ``work(*arguments, tell)`` in a new process, which ends with the ``with`` block whatever happens.

    The parent may go on with other work before it asks for the result. The process ends with its parent, too.
    """

    def __init__(self, work: Callable[..., Result], *arguments: Any, limits: Limits = NO_LIMITS) -> None:
        """Start the process.

        Args:
            work: function of a module; its last argument takes lines of text that report progress.
            arguments: what can be sent to a process, as the result must.
            limits: time and memory that it may use.
        """
        context = spawn_context()
        self._limits, self._started = limits, time.monotonic()
        self._messages, theirs = context.Pipe(duplex=False)
        self._child = context.Process(target=_do, args=(theirs, work, arguments, limits, os.getpid()), daemon=True)
        self._child.start()
        theirs.close()

    def __enter__(self) -> Subprocess[Result]:
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.terminate()
        self._child.join(_PATIENCE_S)
        self._child.kill()
        self._child.join()

    def finishes_within(self, seconds: float) -> bool:
        """Return whether the process reports something, its end included, within this time.

        Args:
            seconds: the longest wait.
        """
        return self._messages.poll(seconds)

    def result(self, on_message: Listener = lambda line: None) -> Result:
        """Wait for the result and return it.

        Args:
            on_message: receives the lines of text.

        Raises:
            PenMobileError: the one that ``work`` raised.
            SubprocessKilled: a signal or want of memory ended the process.
            SubprocessFailed: anything else did.
        """
        while isinstance(message := self._next(), str):
            on_message(message)
        if isinstance(message, tuple):  # the result alone comes as a tuple
            (result,) = message
            return cast("Result", result)
        if isinstance(message, PenMobileError):
            raise message
        if isinstance(message, MemoryError):
            raise SubprocessKilled("out of memory")
        self._child.join(_PATIENCE_S)
        raise _failure(self._child.exitcode or 0)

    def _next(self) -> Any:
        """Return the next message, or None when the process has ended without a last one."""
        seconds = self._limits.seconds
        if seconds is not None and not self._messages.poll(max(0.0, self._started + seconds - time.monotonic())):
            raise SubprocessKilled(f"not done after {seconds:g} seconds")
        try:
            return self._messages.recv()
        except EOFError:
            return None


def run_in_subprocess(
    work: Callable[..., Result],
    *arguments: Any,
    on_message: Listener = lambda line: None,
    limits: Limits = NO_LIMITS,
) -> Result:
    """Return ``work(*arguments, tell)`` from a new process, which ends with this call whatever happens.

    Args:
        work: function of a module; its last argument takes lines of text that report progress.
        arguments: what can be sent to a process, as the result must.
        on_message: receives the lines of text.
        limits: time and memory that it may use.

    Raises:
        PenMobileError: the one that ``work`` raised.
        SubprocessKilled: a signal, want of memory or the deadline ended the process.
        SubprocessFailed: anything else did.
    """
    with Subprocess(work, *arguments, limits=limits) as process:
        return process.result(on_message)


def _failure(code: int) -> SubprocessFailed:
    if code < 0:
        return SubprocessKilled(f"ended by {signal.Signals(-code).name}")
    return SubprocessFailed(f"ended with exit code {code} and no result")


def _do(
    connection: Connection, work: Callable[..., Any], arguments: tuple[Any, ...], limits: Limits, parent: int
) -> None:
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives Ctrl-C and ends this process
    if limits.seconds is not None and hasattr(signal, "alarm"):
        signal.alarm(math.ceil(limits.seconds) + 1)  # if the parent cannot: the system ends this process
    try:
        with memory_limit(limits.megabytes):
            done = (work(*arguments, connection.send),)
        connection.send(done)
    except (PenMobileError, MemoryError) as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  whatever it is, the parent reports it
        connection.send(SubprocessFailed(f"{type(error).__name__}: {error}"))
