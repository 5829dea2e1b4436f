"""Work in a process of its own, so that what ends it ends nothing else."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from pen_mobile.errors import PenMobileError

Result = TypeVar("Result")
Listener = Callable[[str], None]

_PATIENCE_S = 5.0


class SubprocessFailed(PenMobileError):
    """The process ended without a result."""


class SubprocessKilled(SubprocessFailed):
    """The system or a library ended the process by a signal, or memory was wanting."""


@dataclass(frozen=True)
class _Done:
    result: Any


def run_in_subprocess(work: Callable[..., Result], *arguments: Any, on_message: Listener = lambda line: None) -> Result:
    """Return ``work(*arguments, tell)`` from a new process, which ends with this call whatever happens.

    Args:
        work: a function of a module; its last argument takes lines that say how far it is.
        arguments: what can be sent to a process, as the result must.
        hear: gets the lines.

    Raises:
        PenMobileError: what ``work`` raised.
        Killed: a signal or want of memory ended it.
        Ended: anything else did.
    """
    context = multiprocessing.get_context("spawn")  # forked, it would inherit the locks of threads that run here
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_do, args=(theirs, work, arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        while isinstance(message := _next(ours), str):
            on_message(message)
        if message is None:
            child.join(_PATIENCE_S)  # its exit code says why
    finally:
        child.terminate()
        child.join(_PATIENCE_S)
        child.kill()
        child.join()
    if isinstance(message, _Done):
        result: Result = message.result
        return result
    if isinstance(message, PenMobileError):
        raise message
    if isinstance(message, MemoryError):
        raise SubprocessKilled("out of memory")
    code = child.exitcode or 0
    if code < 0:
        raise SubprocessKilled(f"ended by {signal.Signals(-code).name}")
    raise SubprocessFailed(f"ended with exit code {code} and no result")


def _next(connection: Connection) -> Any:
    """Return the next message, or None when the process has ended without a last one."""
    try:
        return connection.recv()
    except EOFError:
        return None


def _do(connection: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends this process
    try:
        connection.send(_Done(work(*arguments, connection.send)))
    except (PenMobileError, MemoryError) as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  whatever it is, the parent has to say it
        connection.send(SubprocessFailed(f"{type(error).__name__}: {error}"))
