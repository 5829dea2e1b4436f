"""The simulation in a process of its own, so that a memory cap can end it and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.simulation.day.day_result import DaySettings, SimulatedDay
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.subprocesses import Ended, Killed, Tell, run_in_subprocess


def simulate_in_subprocess(bundle: Path, data: str, settings: DaySettings, progress: Progress = SILENT) -> SimulatedDay:
    """Simulate in a new process, which ends with this call whatever happens.

    Raises:
        BadInput: what :func:`pen_mobile.simulation.day.simulate.simulate` refuses, or the memory cap was hit.
    """
    with tempfile.TemporaryDirectory(prefix="pen-mobile-day-") as stores, progress.task("simulating the day") as task:
        try:
            return run_in_subprocess(
                _simulate, bundle, data, settings, Path(stores), hear=lambda line: task.advance(0, line)
            )
        except Killed:  # a library may end the process where memory is wanting
            raise _out_of_memory(settings) from None
        except Ended as error:
            raise PenMobileError(f"the simulation failed: {error}") from None


def _out_of_memory(settings: DaySettings) -> PenMobileError:
    cap = settings.profile.memory_mb
    if cap is None:
        return PenMobileError("the simulation ran out of memory")
    return BadInput(
        f"{settings.profile.name}: out of memory: the bundle's programs, the store and training need more than "
        f"memory_mb = {cap:g}; take a smaller bundle or another profile"
    )


def _simulate(bundle: Path, data: str, settings: DaySettings, stores: Path, tell: Tell) -> SimulatedDay:
    from pen_mobile.simulation.day.simulate import simulate  # the parent needs none of what it imports

    return simulate(bundle, data, settings, stores, tell)
