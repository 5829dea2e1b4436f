"""A day as one page that loads nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from pen_mobile.reports.html import environment, number
from pen_mobile.reports.plot_style import inline_svg
from pen_mobile.simulation.day.day_result import LINES, NEVER, PHONE, SimulatedDay
from pen_mobile.simulation.day.schedule import time_of_day


def write_day_page(path: Path, day: SimulatedDay, figure: Figure, command: str, versions: dict[str, str]) -> None:
    """Write the page into a folder that is being made."""
    page = (
        environment()
        .get_template("day.html.j2")
        .render(_page(day, figure) | {"command": command, "versions": versions})
    )
    path.write_text(page, encoding="utf-8", newline="\n")


def headline(day: SimulatedDay) -> str:
    """Say in one sentence what the day brought, good or bad."""
    never, phone = day.mean_quality(NEVER), day.mean_quality(PHONE)
    changes = [
        f"{dimension} {measure.upper()} {number(never[key])} to {number(phone[key])}"
        for measure in ("ccc", "rmse")
        for dimension in ("valence", "arousal")
        for key in (f"{measure}_{dimension}",)
    ]
    return f"With {day.asked:.0f} labels over the day, against never adapting: {', '.join(changes)}."


def _page(day: SimulatedDay, figure: Figure) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "day": day,
        "headline": headline(day),
        "figure": Markup(inline_svg(figure, f"The day of {day.settings.subject}")),
        "lines": [(line, day.mean_quality(line)) for line in LINES],
        "attempts": [
            (one.seed, time_of_day(attempt.time_s), attempt) for one in day.days for attempt in one.lived.attempts
        ],
        "refused": [(one.seed, reason) for one in day.days for reason in one.lived.refused[:1]],
    }
