"""Figure of the device in a simulated day: temperature, queries, use, and adaptations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pen_mobile.reports.mpl import Axes, Figure, Line2D
from pen_mobile.reports.plot_style import (
    AFTER,
    GRID,
    INK,
    MUTED,
    add_axes,
    add_title,
    figure_style,
    new_figure,
)
from pen_mobile.simulation.day_result import SimulatedDay
from pen_mobile.simulation.schedule import HOUR_S, time_of_day
from pen_mobile.types import Doubles
from pen_mobile.utils.text import counted

DEVICE_HEIGHT = 150
"""Height of the figure, CSS pixels."""

LEFT, RIGHT, TOP = 62, 12, 38
"""CSS pixels beside and above a plot."""

_WIDTH, _PLOT = 420, 92  # CSS pixels
_CHARGING, _IDLE = 0.9, 0.35  # strength of the shades
_TICKS = (1 / 60, 1 / 30, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 12, 24)  # hours between ticks


def device_figure(day: SimulatedDay) -> Figure:
    """Return the figure of the device in the first seed's day.

    Args:
        day: the simulated days of one person.
    """
    with figure_style():
        figure = new_figure(DEVICE_HEIGHT, _WIDTH)
        draw_device(figure, day)
    return figure


def draw_device(figure: Figure, day: SimulatedDay) -> None:
    """Draw the device at the top of a figure, as wide as the figure.

    Args:
        figure: the figure.
        day: the simulated days of one person.
    """
    width = figure.get_size_inches()[0] * 72
    _draw_day(add_axes(figure, LEFT, TOP, width - LEFT - RIGHT, _PLOT), day)
    look: dict[str, Any] = {"marker": "v", "linestyle": "", "color": AFTER, "markersize": 6}
    handles = [
        Line2D([], [], label="new head accepted", **look),
        Line2D([], [], label="new head refused", markerfacecolor="none", **look),
    ]
    add_rows_of_legend(figure, handles, LEFT, 3)


def _draw_day(axes: Axes, day: SimulatedDay) -> None:
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
    time_axis(axes, day, labels=True)


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


def time_axis(axes: Axes, day: SimulatedDay, *, labels: bool) -> None:
    """Give a plot the times of a day as its axis.

    Args:
        axes: the plot.
        day: the simulated days of one person.
        labels: whether times are written.
    """
    begin, end = day.moments.bounds_s
    wide = (end - begin) / HOUR_S / 6
    step = HOUR_S * next((hours for hours in _TICKS if hours >= wide), _TICKS[-1])
    ticks = np.arange(math.ceil(begin / step) * step, end + 1, step)
    ticks = ticks[ticks > begin + 0.02 * (end - begin)]  # the corner belongs to the other axis
    axes.set_xlim(begin, end)
    axes.set_xticks(ticks, [time_of_day(tick) for tick in ticks])
    axes.tick_params(axis="x", length=0, labelbottom=labels)


def add_rows_of_legend(figure: Figure, handles: list[Line2D], left: float, top: float, columns: int = 5) -> None:
    """Add a legend to a figure, which may have several.

    Args:
        figure: the figure.
        handles: entries.
        left: distance from the left side, CSS pixels.
        top: distance from the upper side, CSS pixels.
        columns: entries of a row.
    """
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
