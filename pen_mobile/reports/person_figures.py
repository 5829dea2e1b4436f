"""Figures of one person before and after adaptation: the affect plane, and the test time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pen_mobile.evaluation.person_result import PersonResult, Trace
from pen_mobile.reports.figure_output import inline_svg
from pen_mobile.reports.mpl import Axes, Ellipse, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    INK,
    TRUTH,
    WIDTH,
    Values,
    add_axes,
    add_legend,
    add_title,
    affect_axis,
    dot_handle,
    figure_style,
    line_handle,
    new_figure,
)
from pen_mobile.targets import Targets
from pen_mobile.types import Doubles
from pen_mobile.utils.text import joined

_POINTS = 220  # moments drawn on the affect plane
_MOMENTS = 400  # moments drawn on a line over time
_EDGE = 1.06  # affect beyond this is drawn here


def affect_plane_figure(person: PersonResult) -> str:
    """Return estimates and labels on the plane of two targets, before and after side by side.

    Thin lines lead from the label to the estimate, stronger where they are further apart. Ellipses of one standard
    deviation around the means show bias (the arrow from centre to centre) and gain (their sizes).

    Args:
        person: result of one person, of a model with two targets.
    """
    trace, (across, up) = person.trace, person.targets.names
    height, side = 262, 180
    panels = (("before", trace.before, BEFORE, 46), ("after", trace.after, AFTER, WIDTH - side - 4))
    with figure_style():
        figure = new_figure(height)
        for title, estimate, colour, left in panels:
            axes = add_axes(figure, left, 42, side, side)
            _draw_plane(axes, trace, estimate, colour, person.targets)
            add_title(axes, title, colour)
            axes.set_xlabel(across, labelpad=2)
        figure.axes[0].set_ylabel(up, labelpad=0)
        figure.axes[1].tick_params(labelleft=False)
        add_legend(
            figure,
            [dot_handle("label", TRUTH), dot_handle("estimate before", BEFORE), dot_handle("estimate after", AFTER)],
            46,
        )
        return inline_svg(figure, f"{joined([across, up])} of {person.subject}: labels and estimates, before and after")


def trace_figure(person: PersonResult) -> str:
    """Return labels and estimates over the test time: before on the left, after on the right.

    Args:
        person: result of one person.
    """
    trace, names = person.trace.of_rows(_spread(len(person.trace.time_s), _MOMENTS)), person.targets.names
    tall, wide = 84, 180
    height = 70 + len(names) * (tall + 12)
    panels = (("before", trace.before, BEFORE, 46), ("after", trace.after, AFTER, WIDTH - wide - 4))
    with figure_style():
        figure = new_figure(height)
        for title, estimate, colour, left in panels:
            for column, name in enumerate(names):
                axes = add_axes(figure, left, 42 + column * (tall + 12), wide, tall)
                _draw_trace(axes, trace.time_s, trace.affect[:, column], estimate[:, column], colour)
                affect_axis(axes, "y", person.targets)
                axes.tick_params(labelbottom=column == len(names) - 1, labelleft=left == 46)
                if column == 0:
                    add_title(axes, title, colour)
                if left == 46:
                    axes.set_ylabel(name, labelpad=0)
            axes.set_xlabel("seconds into the recording")
        handles = [
            line_handle("label", TRUTH, 2.6),
            line_handle("estimate before", BEFORE, 1.4),
            line_handle("estimate after", AFTER, 1.4),
        ]
        add_legend(figure, handles, 46)
        return inline_svg(figure, f"{joined(names)} of {person.subject} over the test time, before and after")


def _draw_trace(axes: Axes, time_s: Doubles, label: Values, estimate: Values, colour: str) -> None:
    for values, shade, width in ((label, TRUTH, 2.6), (estimate, colour, 1.2)):
        axes.plot(time_s, np.clip(values, -_EDGE, _EDGE), color=shade, linewidth=width)
    axes.margins(x=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(length=0)


def _draw_plane(axes: Axes, trace: Trace, estimate: Values, colour: str, targets: Targets) -> None:
    affect_axis(axes, "x", targets)
    affect_axis(axes, "y", targets)
    axes.spines[["top", "right"]].set_visible(True)
    rows = _spread(len(estimate), _POINTS)
    _strokes(axes, trace.affect[rows], trace.affect[rows], TRUTH, 2.6, 0.5)
    _draw_errors(axes, trace.affect[rows], estimate[rows], colour)
    axes.add_patch(_ellipse(trace.affect, INK, "--"))
    axes.add_patch(_ellipse(estimate, colour, "-"))
    _arrow(axes, trace.affect.mean(axis=0), estimate.mean(axis=0))


def _draw_errors(axes: Axes, truth: Values, estimate: Values, colour: str) -> None:
    """Draw every estimate and the way to it from the truth, in four strengths by how far off it is."""
    shown = np.clip(estimate, -_EDGE, _EDGE)
    strength = np.digitize(np.linalg.norm(estimate - truth, axis=1), (0.2, 0.4, 0.6))
    for level, alpha in enumerate((0.3, 0.4, 0.55, 0.75)):
        rows = strength == level
        _strokes(axes, truth[rows], shown[rows], colour, 0.7, alpha * 0.5)
        _strokes(axes, shown[rows], shown[rows], colour, 3, alpha)


def _strokes(axes: Axes, starts: Values, ends: Values, colour: str, width: float, alpha: float) -> None:
    """Draw N strokes as one path, which keeps the page small; a stroke that ends where it starts is a dot."""
    corners = np.stack([starts, ends, np.full_like(ends, np.nan)], axis=1).reshape(-1, 2)
    axes.plot(*corners.T, color=colour, linewidth=width, alpha=alpha, solid_capstyle="round")


def _ellipse(values: Values, colour: str, line: str) -> Ellipse:
    """Return the ellipse one standard deviation around the mean of ``[N, 2]``."""
    variances, directions = np.linalg.eigh(np.cov(values.T, ddof=0))
    width, height = 2 * np.sqrt(np.maximum(variances, 0))
    x, y = values.mean(axis=0)
    angle = float(np.degrees(np.arctan2(directions[1, 0], directions[0, 0])))
    return Ellipse((x, y), width, height, angle=angle, fill=False, color=colour, linewidth=1.5, linestyle=line)


def _arrow(axes: Axes, start: Values, end: Values) -> None:
    if np.linalg.norm(end - start) < 0.02:
        return
    line = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=line, zorder=5)


def _spread(length: int, count: int) -> NDArray[np.intp]:
    rows: NDArray[np.intp] = np.linspace(0, length - 1, min(length, count)).round().astype(np.intp)
    return rows
