"""The HTML page of a simulated day, in one file that loads nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from pen_mobile.phone.adaptation.target_verdict import TargetVerdict, own_mean_words
from pen_mobile.reports.figure_output import inline_svg
from pen_mobile.reports.html import render
from pen_mobile.simulation.day_curves import DayCurves
from pen_mobile.simulation.day_figure import footnote, target_figure
from pen_mobile.simulation.day_result import ESTIMATORS, NEVER, OWN_MEAN, PHONE, SimulatedDay
from pen_mobile.simulation.device_figure import device_figure
from pen_mobile.utils.table import Part, Row, Table, invented
from pen_mobile.utils.text import counted, decimal, joined


def write_day_page(path: Path, day: SimulatedDay, curves: DayCurves, command: str, versions: dict[str, str]) -> None:
    """Write the page.

    Args:
        path: file to write.
        day: the simulated days of one person.
        curves: their quality over time.
        command: command line that made it.
        versions: versions of the packages that decide a result.
    """
    variables = _page(day, curves) | {"command": command, "version": versions.get("pen-mobile", "")}
    facts = {"data": day.origin, "SHA-256": day.digest, **versions}
    path.write_text(render("day.html.j2", variables | {"facts": facts}), encoding="utf-8", newline="\n")


def day_verdicts(day: SimulatedDay) -> list[TargetVerdict]:
    """Return one verdict for each target: the phone against never adapting, over the whole day.

    Args:
        day: the simulated days of one person.
    """
    never, phone, own_mean = (day.mean_quality(estimator) for estimator in (NEVER, PHONE, OWN_MEAN))
    return [
        TargetVerdict(
            target,
            *(quality[f"rmse_{target}"] or 0.0 for quality in (never, phone, own_mean)),
            unit=day.targets.half_width,
        )
        for target in day.targets.names
    ]


def headline(day: SimulatedDay) -> str:
    """Return one sentence that compares the phone with never adapting.

    Args:
        day: the simulated days of one person.
    """
    changes = joined([verdict.words for verdict in day_verdicts(day)])
    return f"With {counted(round(day.query_count), 'label')} over the day, against never adapting: {changes}."


def standing(day: SimulatedDay) -> str:
    """Return one sentence that compares the phone with the own mean.

    Args:
        day: the simulated days of one person.
    """
    sentence = own_mean_words(day_verdicts(day), "the mean of the labels so far")
    return f"{sentence[0].upper()}{sentence[1:]}."


def day_parts(day: SimulatedDay) -> list[Part]:
    """Return the results for a terminal.

    Args:
        day: the simulated days of one person.
    """
    return [
        headline(day),
        standing(day),
        quality_table(day),
        f"{day.settings.subject}: {day.pace_line}{invented(day.synthetic)}",
        f"asked {day.query_count:g} times ({day.settings.ask}), {_adaptations(day)}",
        *_device_lines(day),
    ]


def quality_table(day: SimulatedDay) -> Table:
    """Return RMSE and CCC of every estimator over the whole day.

    Args:
        day: the simulated days of one person.
    """
    names, rows = day.targets.names, []
    head = ("over the whole day", *(f"{measure} {target}" for measure in ("RMSE", "CCC") for target in names))
    for estimator in ESTIMATORS:
        quality = day.mean_quality(estimator)
        cells = [decimal(quality[f"{measure}_{target}"]) for measure in ("rmse", "ccc") for target in names]
        rows.append(Row([estimator, *cells], "plain" if estimator in (NEVER, PHONE) else "reference"))
    return Table(head, rows)


def attempts_table(day: SimulatedDay) -> Table:
    """Return all adaptations in order, for every seed.

    Args:
        day: the simulated days of one person.
    """
    seeds = len(day.days) > 1
    head = ("at", *(["seed"] if seeds else []), "labels", "decision", "estimated s", "°C", "reason")
    rows = [attempt.row(str(one.seed) if seeds else None) for one in day.days for attempt in one.trace.attempts]
    return Table(head, rows)


def _adaptations(day: SimulatedDay) -> str:
    attempts = [attempt for one in day.days for attempt in one.trace.attempts]
    accepted = sum(attempt.accepted for attempt in attempts)
    over = f" in {len(day.days)} days" if len(day.days) > 1 else ""
    return f"{counted(len(attempts), 'adaptation')}{over}, {accepted} of them accepted"


def _device_lines(day: SimulatedDay) -> list[str]:
    profile, lines = day.settings.profile, []
    frame_s = day.frame_host_seconds * profile.slowdown
    times = [f"a frame {frame_s * 1e3:.0f} ms"] if frame_s else []
    if day.device_seconds is not None:
        times.append(f"an adaptation {day.device_seconds:.2g} s")
    if times:
        lines.append(f"estimated on {profile.name}: {', '.join(times)} (this machine x {profile.slowdown:g})")
    if frame_s > day.moments.median_gap_s:
        lines.append(
            f"{profile.name} cannot keep up: the next frame comes after {day.moments.median_gap_s * 1e3:.0f} ms"
        )
    refused = [reason for one in day.days for reason in one.trace.refused]
    if refused:
        lines.append(f"the store refused {counted(len(refused), 'write')}: {refused[0]}")
    if profile.memory_mb is not None and not day.memory_enforced:
        lines.append("this system cannot limit memory; memory_mb was not enforced")
    return lines


def _page(day: SimulatedDay, curves: DayCurves) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "day": day,
        "headline": headline(day),
        "standing": standing(day),
        "footnote": footnote(day, curves),
        "device": Markup(inline_svg(device_figure(day), f"The device of {day.settings.subject} over the day")),
        "targets": [
            (target, Markup(inline_svg(target_figure(day, curves, target), f"Estimates and quality of {target}")))
            for target in day.targets.names
        ],
        "quality": quality_table(day),
        "attempts": attempts_table(day),
        "refused": [(one.seed, reason) for one in day.days for reason in one.trace.refused[:1]],
    }
