"""Simulation of a day and the folder with its results."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.reports.figure_output import save_figure
from pen_mobile.simulation.day_curves import curves_of
from pen_mobile.simulation.day_figure import day_figure
from pen_mobile.simulation.day_report import write_day_page
from pen_mobile.simulation.day_result import DaySettings, SimulatedDay
from pen_mobile.utils import provenance
from pen_mobile.utils.files import new_folder, refuse_existing, write_json
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.subprocesses import Limits, Listener, SubprocessFailed, SubprocessKilled, run_in_subprocess
from pen_mobile.utils.temporary import temporary_folder

_FORMAT = 2
_DEADLINE_S = 86_400.0  # no simulation takes a day


def run_day(
    bundle: BundleFolder, data: str, settings: DaySettings, out: Path, progress: Progress = SILENT
) -> SimulatedDay:
    """Simulate, and make a folder with ``day.json``, ``day.png`` and ``day.html``, all or nothing.

    Args:
        bundle: the open bundle.
        data: name of the data, as for training.
        settings: settings of the simulation.
        out: folder to make.
        progress: display of the progress.

    Raises:
        BadInput: ``out`` exists, or the simulation refuses its input.
    """
    refuse_existing(out)
    day = simulate_in_subprocess(bundle, data, settings, progress)
    curves, command, versions = curves_of(day), provenance.command(), provenance.versions()
    document = {"format": _FORMAT, "command": command, "versions": versions} | day.to_dict()
    with new_folder(out) as folder:
        write_json(folder / "day.json", document | {"curves": curves.to_dict()})
        save_figure(day_figure(day, curves), folder / "day.png")
        write_day_page(folder / "day.html", day, curves, command, versions)
    return day


def simulate_in_subprocess(
    bundle: BundleFolder, data: str, settings: DaySettings, progress: Progress = SILENT
) -> SimulatedDay:
    """Simulate in a process of its own, so that a memory limit ends that process only.

    Args:
        bundle: the open bundle.
        data: name of the data, as for training.
        settings: settings of the simulation.
        progress: display of the progress.

    Raises:
        BadInput: :func:`pen_mobile.simulation.simulate_day.simulate_day` refused, or memory ran out under the limit.
        PenMobileError: the simulation failed for another reason.
    """
    with temporary_folder() as stores, progress.task("simulating the day") as task:
        try:
            return run_in_subprocess(
                _simulate,
                bundle,
                data,
                settings,
                stores,
                on_message=lambda message: task.advance(0, message),
                limits=Limits(_DEADLINE_S),
            )
        except SubprocessKilled:  # a library may end the process when it gets no memory
            raise _out_of_memory(settings) from None
        except SubprocessFailed as error:
            raise PenMobileError(f"the simulation failed: {error}") from None


def _out_of_memory(settings: DaySettings) -> PenMobileError:
    limit_mb = settings.profile.memory_mb
    if limit_mb is None:
        return PenMobileError("the simulation ran out of memory")
    return BadInput(
        f"{settings.profile.name}: out of memory: the bundle's programs, the store and training need more than "
        f"memory_mb = {limit_mb:g}; take a smaller bundle or another profile"
    )


def _simulate(bundle: BundleFolder, data: str, settings: DaySettings, stores: Path, report: Listener) -> SimulatedDay:
    from pen_mobile.simulation.simulate_day import simulate_day  # the parent needs none of what it imports

    return simulate_day(bundle, data, settings, stores, report)
