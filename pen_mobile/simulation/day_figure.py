"""Figures of a simulated day: labels and estimates, and the quality of every estimator."""

from __future__ import annotations

from typing import Any

import numpy as np

from pen_mobile.reports.mpl import Axes, Figure, Line2D, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    AFTER_LIGHT,
    BEFORE,
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
from pen_mobile.simulation.device_figure import (
    DEVICE_HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    add_rows_of_legend,
    draw_device,
    time_axis,
)

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
_ROW, _GAP = 84, 14  # CSS pixels
_TARGET_WIDTH, _ACROSS = 420, 2  # CSS pixels of a target's figure, and how many stand side by side
_TARGET_HEIGHT = TOP + _GAP + (len(_TRACED) + len(_ROWS)) * (_ROW + _GAP) + 18
_MOMENTS = 500  # drawn of a line over time
_EDGE = 1.06  # affect beyond this is drawn here


def target_figure(day: SimulatedDay, curves: DayCurves, target: str) -> Figure:
    """Return the figure of one target: estimates of the first seed, quality as mean and deviation over seeds.

    Args:
        day: the simulated days of one person.
        curves: their quality over time.
        target: name of one of the targets.
    """
    with figure_style():
        figure = new_figure(_TARGET_HEIGHT, _TARGET_WIDTH)
        _draw_target(figure, day, curves, target, 0, 0)
        add_rows_of_legend(figure, _estimator_handles(), 8, 3, columns=3)
    return figure


def day_figure(day: SimulatedDay, curves: DayCurves) -> Figure:
    """Return the figures of the device and of all targets as one.

    Args:
        day: the simulated days of one person.
        curves: their quality over time.
    """
    names = day.targets.names
    columns = min(len(names), _ACROSS)
    rows = -(-len(names) // columns)
    height, width = DEVICE_HEIGHT + 24 + rows * _TARGET_HEIGHT + 24, max(columns, _ACROSS) * _TARGET_WIDTH
    with figure_style():
        figure = new_figure(height, width)
        draw_device(figure, day)
        for place, target in enumerate(names):
            row, column = divmod(place, columns)
            top = DEVICE_HEIGHT + 24 + row * _TARGET_HEIGHT
            _draw_target(figure, day, curves, target, column * _TARGET_WIDTH, top)
        add_rows_of_legend(figure, _estimator_handles(), LEFT, DEVICE_HEIGHT + 12)
        figure.text(LEFT / width, 8 / height, footnote(day, curves), color=MUTED, fontsize=10.5)
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
    column, across = day.targets.names.index(target), _TARGET_WIDTH - LEFT - RIGHT
    panels = [
        add_axes(figure, left + LEFT, top + TOP + _GAP + row * (_ROW + _GAP), across, _ROW)
        for row in range(len(_TRACED) + len(_ROWS))
    ]
    for axes, estimator in zip(panels, _TRACED, strict=False):
        _draw_trace(axes, day, column, estimator)
        axes.set_ylabel("affect", labelpad=3)
    for axes, (name, over, measure) in zip(panels[len(_TRACED) :], _ROWS, strict=True):
        _draw_curves(axes, curves, column, over, measure)
        axes.set_ylabel(name, labelpad=3)
    for axes in panels:
        time_axis(axes, day, labels=axes is panels[-1])
    add_title(panels[0], target, INK)


def _draw_trace(axes: Axes, day: SimulatedDay, column: int, estimator: str) -> None:
    rows = np.linspace(0, len(day.moments) - 1, min(len(day.moments), _MOMENTS)).round().astype(np.intp)
    time_s, estimates = day.moments.time_s[rows], day.days[0].predictions[estimator][rows, column]
    axes.plot(time_s, day.moments.affect[rows, column], color=TRUTH, linewidth=2.4)
    axes.plot(time_s, np.clip(estimates, -_EDGE, _EDGE), color=_LOOKS[estimator]["color"], linewidth=1.2)
    affect_axis(axes, "y", day.targets)


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


def _estimator_handles() -> list[Line2D]:
    return [
        line_handle("label", TRUTH, 2.4),
        *(Line2D([], [], label=estimator, **_LOOKS[estimator]) for estimator in ESTIMATORS),
    ]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
