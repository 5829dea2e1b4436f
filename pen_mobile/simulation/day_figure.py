"""The figure of a simulated day: the device, labels and estimates, and the quality of every estimator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.reports.mpl import Axes, Figure, Line2D, Patch
from pen_mobile.reports.plot_style import (
    AFTER,
    AFTER_LIGHT,
    BEFORE,
    GRID,
    INK,
    MUTED,
    OWN_MEAN,
    TRUTH,
    WIDE,
    add_axes,
    add_title,
    affect_axis,
    figure_style,
    line_handle,
    new_figure,
)
from pen_mobile.simulation import day_result
from pen_mobile.simulation.day_curves import DayCurves, Measure, Over
from pen_mobile.simulation.day_result import ESTIMATORS, SimulatedDay
from pen_mobile.simulation.schedule import HOUR_S, time_of_day

Look = dict[str, Any]

_LOOKS: dict[str, Look] = {
    day_result.NEVER: {"color": BEFORE, "linewidth": 1.6},
    day_result.PHONE: {"color": AFTER, "linewidth": 2.2},
    day_result.EVERYTHING: {"color": AFTER_LIGHT, "linewidth": 1.6, "linestyle": (0, (4, 2))},
    day_result.OWN_MEAN: {"color": OWN_MEAN, "linewidth": 1.6, "linestyle": (0, (1, 1.5))},
}
_ORDER = (day_result.OWN_MEAN, day_result.EVERYTHING, day_result.NEVER, day_result.PHONE)  # the last is on top
_ROWS: tuple[tuple[str, Over, Measure], ...] = (
    ("CCC so far", "so far", "ccc"),
    ("CCC lately", "lately", "ccc"),
    ("RMSE so far", "so far", "rmse"),
    ("RMSE lately", "lately", "rmse"),
)
_LEFT, _RIGHT, _BETWEEN, _TOP = 62, 12, 26, 34  # CSS pixels
_DEVICE, _TRACE, _ROW, _GAP = 92, 96, 92, 16
_MOMENTS = 500  # drawn of a line over time
_EDGE = 1.06  # affect beyond this is drawn here
_CHARGING, _IDLE = 0.9, 0.35  # strength of the shades
_TICKS = (1 / 60, 1 / 30, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 12, 24)  # hours between ticks


def day_figure(day: SimulatedDay, curves: DayCurves) -> Figure:
    """Return the figure of a day: device and estimates of the first seed, quality as mean and deviation over seeds.

    Args:
        day: the days of one person.
        curves: their quality over time.
    """
    height = _TOP + _DEVICE + _GAP + 14 + _TRACE + len(_ROWS) * (_ROW + _GAP) + 40
    across = (WIDE - _LEFT - _RIGHT - _BETWEEN) / 2
    with figure_style():
        figure = new_figure(height, WIDE)
        _draw_device(add_axes(figure, _LEFT, _TOP, WIDE - _LEFT - _RIGHT, _DEVICE), day)
        for column, dimension in enumerate(("valence", "arousal")):
            left, top = _LEFT + column * (across + _BETWEEN), _TOP + _DEVICE + _GAP + 14.0
            axes = add_axes(figure, left, top, across, _TRACE)
            _draw_trace(axes, day, column)
            add_title(axes, dimension, INK)
            panels = [axes]
            for row, (_, over, measure) in enumerate(_ROWS):
                panels.append(add_axes(figure, left, top + _TRACE + _GAP + row * (_ROW + _GAP), across, _ROW))
                _draw_curves(panels[-1], curves, column, over, measure)
            for place, panel in enumerate(panels):
                _time_axis(panel, day, labels=place == len(panels) - 1)
                panel.tick_params(labelleft=column == 0)
            if column == 0:
                for panel, name in zip(panels, ("affect", *(name for name, _, _ in _ROWS)), strict=True):
                    panel.set_ylabel(name, labelpad=3)
        _add_legend(figure)
        figure.text(_LEFT / WIDE, 8 / height, _footnote(day, curves), color=MUTED, fontsize=10.5)
    return figure


def _draw_device(axes: Axes, day: SimulatedDay) -> None:
    trace, profile, time_s = day.days[0].trace, day.settings.profile, day.moments.time_s
    _shade(axes, time_s, profile.day.is_charging, (0.0, 0.16), _CHARGING)
    _shade(axes, time_s, profile.day.is_idle, (0.18, 0.34), _IDLE)
    strip = axes.get_xaxis_transform()
    for text, height in (("charging", 0.08), ("idle", 0.26)):
        axes.text(-0.008, height, text, transform=axes.transAxes, ha="right", va="center", color=MUTED, fontsize=10.5)
    axes.text(-0.008, 0.47, "asked", transform=axes.transAxes, ha="right", va="center", color=MUTED, fontsize=10.5)
    queries = time_s[trace.queries]
    axes.plot(queries, np.full(len(queries), 0.47), "|", transform=strip, color=INK, markersize=7, markeredgewidth=1)
    for attempt in trace.attempts:
        axes.axvline(attempt.time_s, 0, 1, color=AFTER if attempt.accepted else GRID, linewidth=1, zorder=0)
        face = AFTER if attempt.accepted else "none"
        axes.plot(attempt.time_s, 1.0, "v", transform=strip, color=AFTER, markerfacecolor=face, clip_on=False)
    _draw_temperature(axes, day)
    add_title(axes, f"{profile.name}, seed {day.days[0].seed}: {_attempts(day)}", INK)
    axes.title.set_position((0, 1.08))
    _time_axis(axes, day, labels=True)


def _draw_temperature(axes: Axes, day: SimulatedDay) -> None:
    """Draw the temperature in the upper part, with the limit above which nothing adapts."""
    celsius, limit = day.days[0].trace.celsius, day.settings.profile.adaptation.max_celsius
    low, high = math.floor(celsius.min()), math.ceil(celsius.max()) + 1
    if limit < high + 10:
        high = max(high, math.ceil(limit))
        axes.axhline(limit, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(day.moments.time_s, celsius, color=INK, linewidth=1.2)
    axes.set_ylim(low - 1.6 * (high - low), high + 0.1 * (high - low))  # the strips have the lower 60 %
    axes.set_yticks((low, high), [f"{tick} °C" for tick in (low, high)])
    axes.tick_params(axis="y", length=0, labelsize=10.5)


def _shade(
    axes: Axes,
    time_s: NDArray[np.float64],
    holds: Callable[[float], bool],
    heights: tuple[float, float],
    strength: float,
) -> None:
    """Shade the minutes at which something holds."""
    minutes = np.arange(time_s[0], time_s[-1], min(60.0, (time_s[-1] - time_s[0]) / 60))
    held = np.array([False, *(holds(float(minute)) for minute in minutes), False])
    edges = [*minutes, time_s[-1]]
    changes = np.flatnonzero(held[1:] != held[:-1])
    for begin, end in zip(changes[::2], changes[1::2], strict=True):
        axes.axvspan(edges[begin], edges[end], *heights, color=GRID, alpha=strength, linewidth=0)


def _draw_trace(axes: Axes, day: SimulatedDay, column: int) -> None:
    rows = np.linspace(0, len(day.moments.time_s) - 1, min(len(day.moments.time_s), _MOMENTS)).round().astype(np.intp)
    time_s, predictions = day.moments.time_s[rows], day.days[0].predictions
    axes.plot(time_s, day.moments.affect[rows, column], color=TRUTH, linewidth=2.6)
    for estimator, width in ((day_result.NEVER, 0.9), (day_result.PHONE, 1.2)):
        values = np.clip(predictions[estimator][rows, column], -_EDGE, _EDGE)
        axes.plot(time_s, values, color=_LOOKS[estimator]["color"], linewidth=width)
    affect_axis(axes, "y")


def _draw_curves(axes: Axes, curves: DayCurves, column: int, over: Over, measure: Measure) -> None:
    for estimator in _ORDER:
        curve = curves.curves[estimator, over, measure]
        mean, std = curve.mean[:, column], curve.std[:, column]
        axes.plot(curves.time_s, mean, **_LOOKS[estimator])
        if np.nanmax(std, initial=0) > 0:
            colour = _LOOKS[estimator]["color"]
            axes.fill_between(curves.time_s, mean - std, mean + std, color=colour, alpha=0.16, linewidth=0)
    axes.set_ylim(*_limits(curves, over, measure))
    axes.grid(axis="y")
    axes.tick_params(length=0)


def _limits(curves: DayCurves, over: Over, measure: Measure) -> tuple[float, float]:
    """Return one range for both dimensions; the first moments, where anything can be, do not stretch it."""
    settled = slice(len(curves.time_s) // 12, None)
    values = np.concatenate([curves.curves[estimator, over, measure].mean[settled].ravel() for estimator in ESTIMATORS])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.05
    return (max(low - margin, -1.0), min(high + margin, 1.0)) if measure == "ccc" else (0.0, high + margin)


def _time_axis(axes: Axes, day: SimulatedDay, *, labels: bool) -> None:
    begin, end = float(day.moments.time_s[0]), float(day.moments.time_s[-1])
    wide = (end - begin) / HOUR_S / 6
    step = HOUR_S * next((hours for hours in _TICKS if hours >= wide), _TICKS[-1])
    ticks = np.arange(math.ceil(begin / step) * step, end + 1, step)
    ticks = ticks[ticks > begin + 0.02 * (end - begin)]  # the corner belongs to the other axis
    axes.set_xlim(begin, end)
    axes.set_xticks(ticks, [time_of_day(tick) for tick in ticks])
    axes.tick_params(axis="x", length=0, labelbottom=labels)


def _add_legend(figure: Figure) -> None:
    handles: list[Line2D | Patch] = [line_handle("label", TRUTH, 2.6)]
    handles += [Line2D([], [], label=estimator, **_LOOKS[estimator]) for estimator in ESTIMATORS]
    handles.append(Line2D([], [], marker="v", linestyle="", color=AFTER, markersize=6, label="adapted"))
    handles.append(
        Line2D([], [], marker="v", linestyle="", color=AFTER, markerfacecolor="none", markersize=6, label="refused")
    )
    width, height = figure.get_size_inches() * 72
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=len(handles),
        bbox_to_anchor=(8 / width, 1 - 3 / height),
        fontsize=11,
        columnspacing=1.2,
        handlelength=1.6,
    )


def _attempts(day: SimulatedDay) -> str:
    trace = day.days[0].trace
    accepted = sum(attempt.accepted for attempt in trace.attempts)
    return f"asked {len(trace.queries)} times, adapted {accepted} of {len(trace.attempts)} times"


def _footnote(day: SimulatedDay, curves: DayCurves) -> str:
    people = "synthetic person, " if day.synthetic else ""
    return f"{people}{day.pace_line}; lately: the last {_duration(curves.lately_s)}; ask: {day.settings.ask}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
