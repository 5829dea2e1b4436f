"""The HTML page of a simulated day, in one file that loads nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from pen_mobile.reports.html import number, render
from pen_mobile.reports.mpl import Figure
from pen_mobile.reports.plot_style import inline_svg
from pen_mobile.simulation.day_result import ESTIMATORS, NEVER, PHONE, SimulatedDay
from pen_mobile.simulation.schedule import time_of_day


def write_day_page(path: Path, day: SimulatedDay, figure: Figure, command: str, versions: dict[str, str]) -> None:
    """Write the page.

    Args:
        path: file to write.
        day: the simulated days of one person.
        figure: figure of :func:`pen_mobile.simulation.day_figure.day_figure`.
        command: command line that made it.
        versions: versions of the packages that decide a result.
    """
    page = render("day.html.j2", _page(day, figure) | {"command": command, "versions": versions})
    path.write_text(page, encoding="utf-8", newline="\n")


def headline(day: SimulatedDay) -> str:
    """Return one sentence that compares the phone with no adaptation.

    Args:
        day: the simulated days of one person.
    """
    never, phone = day.mean_quality(NEVER), day.mean_quality(PHONE)
    changes = [
        f"{dimension} {measure.upper()} {number(never[key])} to {number(phone[key])}"
        for measure in ("ccc", "rmse")
        for dimension in ("valence", "arousal")
        for key in (f"{measure}_{dimension}",)
    ]
    return f"With {day.query_count:.0f} labels over the day, against never adapting: {', '.join(changes)}."


def _page(day: SimulatedDay, figure: Figure) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "day": day,
        "headline": headline(day),
        "figure": Markup(inline_svg(figure, f"The day of {day.settings.subject}")),
        "estimators": [(name, day.mean_quality(name)) for name in ESTIMATORS],
        "attempts": [
            (one.seed, time_of_day(attempt.time_s), attempt) for one in day.days for attempt in one.trace.attempts
        ],
        "refused": [(one.seed, reason) for one in day.days for reason in one.trace.refused[:1]],
    }
