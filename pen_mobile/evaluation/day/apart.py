"""The simulation in a process of its own, so that a memory cap can end it and nothing else."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.evaluation.day.outcome import DaySettings, SimulatedDay
from pen_mobile.progress import SILENT, Progress

_PATIENCE_S = 5.0


def simulate_apart(bundle: Path, data: str, settings: DaySettings, progress: Progress = SILENT) -> SimulatedDay:
    """Simulate in a new process, which ends with this call whatever happens.

    Raises:
        BadInput: what :func:`pen_mobile.evaluation.day.simulate.simulate` refuses, or the memory cap was hit.
    """
    context = multiprocessing.get_context("spawn")  # forked, it would inherit the locks of threads that run here
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="pen-mobile-day-") as stores, progress.task("simulating the day") as task:
        child = context.Process(target=_simulate, args=(theirs, bundle, data, settings, Path(stores)), daemon=True)
        child.start()
        theirs.close()
        try:
            while isinstance(message := _next(ours), str):
                task.advance(0, message)
            child.join(_PATIENCE_S)
        finally:
            child.terminate()
            child.join(_PATIENCE_S)
            child.kill()
            child.join()
    if isinstance(message, PenMobileError):
        raise message
    if isinstance(message, SimulatedDay):
        return message
    if isinstance(message, MemoryError) or (child.exitcode or 0) < 0:  # a library may end the process instead
        raise _out_of_memory(settings)
    raise PenMobileError(f"the simulation ended with exit code {child.exitcode} and no result")


def _next(connection: Connection) -> Any:
    """Return the next message, or None when the process has ended without a last one."""
    try:
        return connection.recv()
    except EOFError:
        return None


def _out_of_memory(settings: DaySettings) -> PenMobileError:
    cap = settings.profile.memory_mb
    if cap is None:
        return PenMobileError("the simulation ran out of memory")
    return BadInput(
        f"{settings.profile.name}: out of memory: the bundle's programs, the store and training need more than "
        f"memory_mb = {cap:g}; take a smaller bundle or another profile"
    )


def _simulate(connection: Connection, bundle: Path, data: str, settings: DaySettings, stores: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends this process
    try:
        from pen_mobile.evaluation.day.simulate import simulate

        connection.send(simulate(bundle, data, settings, stores, connection.send))
    except (PenMobileError, MemoryError) as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  whatever it is, the parent has to say it
        connection.send(PenMobileError(f"the simulation failed: {type(error).__name__}: {error}"))
