"""Figures of a simulated day: the device, labels and estimates, and the quality of every estimator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pen_mobile.evaluation.verdict import TARGETS
from pen_mobile.reports.mpl import Axes, Figure, Line2D, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    AFTER_LIGHT,
    BEFORE,
    GRID,
    INK,
    MUTED,
    OWN_MEAN,
    TRUTH,
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
from pen_mobile.types import Doubles
from pen_mobile.utils.text import counted

Look = dict[str, Any]

_LOOKS: dict[str, Look] = {
    day_result.NEVER: {"color": BEFORE, "linewidth": 1.6},
    day_result.PHONE: {"color": AFTER, "linewidth": 2.2},
    day_result.EVERYTHING: {"color": AFTER_LIGHT, "linewidth": 1.6, "linestyle": (0, (4, 2))},
    day_result.OWN_MEAN: {"color": OWN_MEAN, "linewidth": 1.6, "linestyle": (0, (1, 1.5))},
}
_ORDER = (day_result.OWN_MEAN, day_result.EVERYTHING, day_result.NEVER, day_result.PHONE)  # the last is on top
_TRACED = (day_result.NEVER, day_result.PHONE)
_ROWS: tuple[tuple[str, Over, Measure], ...] = (
    ("RMSE so far", "so far", "rmse"),
    ("RMSE lately", "lately", "rmse"),
    ("CCC so far", "so far", "ccc"),
    ("CCC lately", "lately", "ccc"),
)
_LEFT, _RIGHT, _TOP = 62, 12, 38  # CSS pixels
_DEVICE, _ROW, _GAP = 92, 84, 14
_DEVICE_WIDTH, _TARGET_WIDTH = 420, 420
_TARGET_HEIGHT = _TOP + _GAP + (len(_TRACED) + len(_ROWS)) * (_ROW + _GAP) + 18
_DEVICE_HEIGHT = _TOP + _DEVICE + 20
_MOMENTS = 500  # drawn of a line over time
_EDGE = 1.06  # affect beyond this is drawn here
_CHARGING, _IDLE = 0.9, 0.35  # strength of the shades
_TICKS = (1 / 60, 1 / 30, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 12, 24)  # hours between ticks


def device_figure(day: SimulatedDay) -> Figure:
    """Return the figure of the device in the first seed's day: temperature, queries, use, and adaptations.

    Args:
        day: the simulated days of one person.
    """
    with figure_style():
        figure = new_figure(_DEVICE_HEIGHT, _DEVICE_WIDTH)
        _draw_device(add_axes(figure, _LEFT, _TOP, _DEVICE_WIDTH - _LEFT - _RIGHT, _DEVICE), day)
        _add_legend(figure, _adaptation_handles(), _LEFT, 3)
    return figure


def target_figure(day: SimulatedDay, curves: DayCurves, target: str) -> Figure:
    """Return the figure of one target: estimates of the first seed, quality as mean and deviation over seeds.

    Args:
        day: the simulated days of one person.
        curves: their quality over time.
        target: ``valence`` or ``arousal``.
    """
    with figure_style():
        figure = new_figure(_TARGET_HEIGHT, _TARGET_WIDTH)
        _draw_target(figure, day, curves, target, 0, 0)
        _add_legend(figure, _estimator_handles(), 8, 3, columns=3)
    return figure


def day_figure(day: SimulatedDay, curves: DayCurves) -> Figure:
    """Return the figures of the device and of both targets as one.

    Args:
        day: the simulated days of one person.
        curves: their quality over time.
    """
    height = _DEVICE_HEIGHT + 24 + _TARGET_HEIGHT + 24
    with figure_style():
        figure = new_figure(height, 2 * _TARGET_WIDTH)
        across = 2 * _TARGET_WIDTH - _LEFT - _RIGHT
        _draw_device(add_axes(figure, _LEFT, _TOP, across, _DEVICE), day)
        _add_legend(figure, _adaptation_handles(), _LEFT, 3)
        for column, target in enumerate(TARGETS):
            _draw_target(figure, day, curves, target, column * _TARGET_WIDTH, _DEVICE_HEIGHT + 24)
        _add_legend(figure, _estimator_handles(), _LEFT, _DEVICE_HEIGHT + 12)
        figure.text(_LEFT / (2 * _TARGET_WIDTH), 8 / height, footnote(day, curves), color=MUTED, fontsize=10.5)
    return figure


def footnote(day: SimulatedDay, curves: DayCurves) -> str:
    """Return one line about the pace, the window called "lately", and the query strategy.

    Args:
        day: the simulated days of one person.
        curves: their quality over time.
    """
    people = "synthetic person, " if day.synthetic else ""
    return f"{people}{day.pace_line}; lately: the last {_duration(curves.lately_s)}; queries: {day.settings.ask}"


def _draw_target(figure: Figure, day: SimulatedDay, curves: DayCurves, target: str, left: float, top: float) -> None:
    column, across = TARGETS.index(target), _TARGET_WIDTH - _LEFT - _RIGHT
    panels = [
        add_axes(figure, left + _LEFT, top + _TOP + _GAP + row * (_ROW + _GAP), across, _ROW)
        for row in range(len(_TRACED) + len(_ROWS))
    ]
    for axes, estimator in zip(panels, _TRACED, strict=False):
        _draw_trace(axes, day, column, estimator)
        axes.set_ylabel("affect", labelpad=3)
    for axes, (name, over, measure) in zip(panels[len(_TRACED) :], _ROWS, strict=True):
        _draw_curves(axes, curves, column, over, measure)
        axes.set_ylabel(name, labelpad=3)
    for axes in panels:
        _time_axis(axes, day, labels=axes is panels[-1])
    add_title(panels[0], target, INK)


def _draw_device(axes: Axes, day: SimulatedDay) -> None:
    trace, profile, time_s = day.days[0].trace, day.settings.profile, day.moments.time_s
    _shade(axes, time_s, profile.day.is_charging, (0.0, 0.16), _CHARGING)
    _shade(axes, time_s, profile.day.is_idle, (0.18, 0.34), _IDLE)
    for text, height in (("charging", 0.08), ("idle", 0.26), ("asked", 0.47)):
        axes.text(-0.008, height, text, transform=axes.transAxes, ha="right", va="center", color=MUTED, fontsize=10.5)
    strip, queries = axes.get_xaxis_transform(), time_s[trace.queries]
    axes.plot(queries, np.full(len(queries), 0.47), "|", transform=strip, color=INK, markersize=7, markeredgewidth=1)
    for attempt in trace.attempts:
        axes.axvline(attempt.time_s, 0, 1, color=AFTER if attempt.accepted else GRID, linewidth=1, zorder=0)
        face = AFTER if attempt.accepted else "none"
        axes.plot(attempt.time_s, 1.0, "v", transform=strip, color=AFTER, markerfacecolor=face, clip_on=False)
    _draw_temperature(axes, day)
    seed = f", seed {day.days[0].seed}" if len(day.days) > 1 else ""
    add_title(axes, f"{profile.name}{seed}: asked {counted(len(queries), 'time')}", INK)
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
    axes.get_yticklabels()[0].set_verticalalignment("bottom")
    axes.tick_params(axis="y", length=0, labelsize=10.5)


def _shade(
    axes: Axes, time_s: Doubles, holds: Callable[[float], bool], heights: tuple[float, float], strength: float
) -> None:
    """Shade the minutes at which something holds."""
    minutes = np.arange(time_s[0], time_s[-1], min(60.0, (time_s[-1] - time_s[0]) / 60))
    held = np.array([False, *(holds(float(minute)) for minute in minutes), False])
    edges = [*minutes, time_s[-1]]
    changes = np.flatnonzero(held[1:] != held[:-1])
    for begin, end in zip(changes[::2], changes[1::2], strict=True):
        axes.axvspan(edges[begin], edges[end], *heights, color=GRID, alpha=strength, linewidth=0)


def _draw_trace(axes: Axes, day: SimulatedDay, column: int, estimator: str) -> None:
    rows = np.linspace(0, len(day.moments.time_s) - 1, min(len(day.moments.time_s), _MOMENTS)).round().astype(np.intp)
    time_s, estimates = day.moments.time_s[rows], day.days[0].predictions[estimator][rows, column]
    axes.plot(time_s, day.moments.affect[rows, column], color=TRUTH, linewidth=2.4)
    axes.plot(time_s, np.clip(estimates, -_EDGE, _EDGE), color=_LOOKS[estimator]["color"], linewidth=1.2)
    affect_axis(axes, "y")


def _draw_curves(axes: Axes, curves: DayCurves, column: int, over: Over, measure: Measure) -> None:
    for estimator in _shown(measure):
        curve = curves.curves[estimator, over, measure]
        mean, std = curve.mean[:, column], curve.std[:, column]
        axes.plot(curves.time_s, mean, **_LOOKS[estimator])
        if np.nanmax(std, initial=0) > 0:
            colour = _LOOKS[estimator]["color"]
            axes.fill_between(curves.time_s, mean - std, mean + std, color=colour, alpha=0.16, linewidth=0)
    axes.set_ylim(*_limits(curves, column, over, measure))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y")
    axes.tick_params(length=0)


def _shown(measure: Measure) -> tuple[str, ...]:
    """Return the estimators of a plot; the CCC of an own mean, which hardly varies, is near 0 and would flatten it."""
    return tuple(name for name in _ORDER if measure == "rmse" or name != day_result.OWN_MEAN)


def _limits(curves: DayCurves, column: int, over: Over, measure: Measure) -> tuple[float, float]:
    """Return a range that holds all lines; the first moments, where anything can be, do not stretch it."""
    settled = slice(len(curves.time_s) // 8, None)
    means = [curves.curves[estimator, over, measure].mean[settled, column] for estimator in _shown(measure)]
    values = np.concatenate(means)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.05
    return low - margin, high + margin


def _time_axis(axes: Axes, day: SimulatedDay, *, labels: bool) -> None:
    begin, end = float(day.moments.time_s[0]), float(day.moments.time_s[-1])
    wide = (end - begin) / HOUR_S / 6
    step = HOUR_S * next((hours for hours in _TICKS if hours >= wide), _TICKS[-1])
    ticks = np.arange(math.ceil(begin / step) * step, end + 1, step)
    ticks = ticks[ticks > begin + 0.02 * (end - begin)]  # the corner belongs to the other axis
    axes.set_xlim(begin, end)
    axes.set_xticks(ticks, [time_of_day(tick) for tick in ticks])
    axes.tick_params(axis="x", length=0, labelbottom=labels)


def _estimator_handles() -> list[Line2D]:
    return [
        line_handle("label", TRUTH, 2.4),
        *(Line2D([], [], label=estimator, **_LOOKS[estimator]) for estimator in ESTIMATORS),
    ]


def _adaptation_handles() -> list[Line2D]:
    look: Look = {"marker": "v", "linestyle": "", "color": AFTER, "markersize": 6}
    return [
        Line2D([], [], label="new head accepted", **look),
        Line2D([], [], label="new head refused", markerfacecolor="none", **look),
    ]


def _add_legend(figure: Figure, handles: list[Line2D], left: float, top: float, columns: int = 5) -> None:
    width, height = figure.get_size_inches() * 72
    legend = figure.legend(
        handles=handles,
        loc="upper left",
        ncols=columns,
        bbox_to_anchor=(left / width, 1 - top / height),
        fontsize=11,
        columnspacing=1.0,
        handlelength=1.5,
    )
    figure.add_artist(legend)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
