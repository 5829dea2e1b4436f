"""Simulate a day and leave a folder that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pen_mobile.reports.plot_style import save_figure
from pen_mobile.simulation.day.curves import curves_of
from pen_mobile.simulation.day.day_figure import day_figure
from pen_mobile.simulation.day.day_report import write_day_page
from pen_mobile.simulation.day.day_result import DaySettings, SimulatedDay
from pen_mobile.simulation.day.in_subprocess import simulate_in_subprocess
from pen_mobile.utils import provenance
from pen_mobile.utils.files import new_folder, refuse_existing, write_json
from pen_mobile.utils.progress import SILENT, Progress

_FORMAT = 1


def run_day(
    bundle: Path, data: str, settings: DaySettings, out: Path, progress: Progress = SILENT
) -> tuple[SimulatedDay, dict[str, Any]]:
    """Simulate, and make ``out`` with ``day.json``, ``day.png`` and ``day.html``, all or nothing.

    Returns:
        The days, and the contents of ``day.json``.

    Raises:
        BadInput: ``out`` exists, or the simulation refuses.
    """
    refuse_existing(out)
    day = simulate_in_subprocess(bundle, data, settings, progress)
    curves, command, versions = curves_of(day), provenance.command(), provenance.versions()
    document = {"format": _FORMAT, "command": command, "versions": versions} | day.as_json()
    with new_folder(out) as folder:
        write_json(folder / "day.json", document | {"curves": curves.as_json()})
        figure = day_figure(day, curves)
        save_figure(figure, folder / "day.png")
        write_day_page(folder / "day.html", day, figure, command, versions)
    return day, document
