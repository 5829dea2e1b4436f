"""Figures of a personalization as inline SVG: same numbers, same bytes, in the colours of the page around them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.evaluation.person_result import Personalization, PersonResult, Trace
from pen_mobile.phone.adaptation.target_verdict import SAME
from pen_mobile.reports.mpl import Axes, Ellipse, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    GRID,
    INK,
    MUTED,
    OWN_MEAN,
    PAPER,
    TRUTH,
    WIDTH,
    Cell,
    Values,
    add_axes,
    add_legend,
    add_title,
    affect_axis,
    dot_handle,
    figure_style,
    inline_svg,
    line_handle,
    new_figure,
    shade_cells,
    short_name,
    strength_key,
    tick_handle,
)
from pen_mobile.types import Doubles
from pen_mobile.utils.table import typographic
from pen_mobile.utils.text import signed

Measure = Literal["ccc", "rmse"]


_POINTS = 220  # moments drawn on the affect plane
_MOMENTS = 400  # moments drawn on a line over time
_EDGE = 1.06  # affect beyond this is drawn here
_POOLED = "all, pooled"


def before_after_figure(result: Personalization, target: str, measure: Measure = "rmse") -> str:
    """Return how far every person moved from before to after, the largest gain on top and everybody pooled below.

    Args:
        result: results of all people.
        target: ``valence`` or ``arousal``.
        measure: ``rmse``, where the left is better, or ``ccc``, where the right is.
    """
    rows = _moves(result, target, measure)
    height = 72 + 26 * len(rows)
    with figure_style():
        figure = new_figure(height)
        axes = add_axes(figure, 112, 30, WIDTH - 112 - 62, height - 72)
        for place, row in enumerate(rows):
            _draw_move(axes, place, row, measure)
        axes.axhline(len(rows) - 1.5, color=GRID)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [short_name(row.name) for row in rows], color=INK)
        axes.tick_params(length=0)
        axes.set_xlim(*_move_limits(rows))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("CCC, 1 is perfect" if measure == "ccc" else "RMSE, in units of the labels")
        handles = [dot_handle("before", BEFORE), dot_handle("after", AFTER)]
        if any(row.own_mean is not None for row in rows):
            handles.append(tick_handle("own mean", OWN_MEAN))
        add_legend(figure, handles, 112)
        return inline_svg(figure, f"{measure.upper()} of {target} for every person before and after adaptation")


def affect_plane_figure(person: PersonResult) -> str:
    """Return estimates and labels on the valence-arousal plane, before and after side by side.

    Thin lines lead from the label to the estimate, stronger where they are further apart. Ellipses of one standard
    deviation around the means show bias (the arrow from centre to centre) and gain (their sizes).

    Args:
        person: result of one person.
    """
    trace = person.trace
    height, side = 262, 180
    panels = (("before", trace.before, BEFORE, 46), ("after", trace.after, AFTER, WIDTH - side - 4))
    with figure_style():
        figure = new_figure(height)
        for title, estimate, colour, left in panels:
            axes = add_axes(figure, left, 42, side, side)
            _draw_plane(axes, trace, estimate, colour)
            add_title(axes, title, colour)
            axes.set_xlabel("valence", labelpad=2)
        figure.axes[0].set_ylabel("arousal", labelpad=0)
        figure.axes[1].tick_params(labelleft=False)
        add_legend(
            figure,
            [dot_handle("label", TRUTH), dot_handle("estimate before", BEFORE), dot_handle("estimate after", AFTER)],
            46,
        )
        return inline_svg(figure, f"Valence and arousal of {person.subject}: labels and estimates, before and after")


def trace_figure(person: PersonResult) -> str:
    """Return labels and estimates over the test time: before on the left, after on the right.

    Args:
        person: result of one person.
    """
    trace = _thinned(person.trace, _MOMENTS)
    height, tall, wide = 262, 84, 180
    panels = (("before", trace.before, BEFORE, 46), ("after", trace.after, AFTER, WIDTH - wide - 4))
    with figure_style():
        figure = new_figure(height)
        for title, estimate, colour, left in panels:
            for column, name in enumerate(("valence", "arousal")):
                axes = add_axes(figure, left, 42 + column * (tall + 12), wide, tall)
                _draw_trace(axes, trace.time_s, trace.affect[:, column], estimate[:, column], colour)
                axes.tick_params(labelbottom=column == 1, labelleft=left == 46)
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
        return inline_svg(figure, f"Valence and arousal of {person.subject} over the test time, before and after")


def gate_figure(result: Personalization) -> str:
    """Return the gate's mean weight of every expert for every person, before and after side by side.

    A gate that no adaptation changed is drawn once.

    Args:
        result: results of all people.
    """
    before = np.stack([person.gate_before for person in result.people])
    after = np.stack([person.gate_after for person in result.people])
    people, experts = before.shape
    side, strongest = max(142.0, 13.0 * experts), max(float(before.max()), float(after.max()), 1e-9)
    left, height = 112, 88 + 22 * people
    width = max(WIDTH, math.ceil(left + 2 * side + 18 + 6))
    with figure_style():
        figure = new_figure(height, width)
        panels = [("before", before, BEFORE, left), ("after", after, AFTER, left + side + 18)]
        if gate_is_unchanged(result):
            panels = [("before and after", before, INK, left)]
        for title, weights, colour, start in panels:
            axes = add_axes(figure, start, 22, side, 22 * people)
            draw_weights(axes, weights / strongest)
            add_title(axes, title, colour)
            axes.set_xlabel("expert", labelpad=1)
        names = [short_name(person.subject) for person in result.people]
        figure.axes[0].set_yticks(range(people), names, color=INK)
        key = add_axes(figure, left, height - 20, 142, 9)
        strength_key(key, [(step + 0.5) / 10 for step in range(10)], f"{strongest:.2f} mean weight")
        return inline_svg(figure, "Mean gate weight of every expert for every person, before and after")


def gate_is_unchanged(result: Personalization) -> bool:
    """Return whether adaptation left the gate of every person as it was.

    Args:
        result: results of all people.
    """
    return all(np.array_equal(person.gate_before, person.gate_after) for person in result.people)


@dataclass(frozen=True)
class _Move:
    """One row of the before-and-after figure."""

    name: str
    before: float | None
    after: float | None
    own_mean: float | None
    refused: bool

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


def _moves(result: Personalization, target: str, measure: Measure) -> list[_Move]:
    key = f"{measure}_{target}"
    moves = [_move(person.subject, person, key, not person.adaptation.accepted) for person in result.people]
    sign = 1 if measure == "ccc" else -1
    moves.sort(key=lambda move: -math.inf if move.change is None else sign * move.change, reverse=True)
    return [*moves, _move(_POOLED, result, key, False)]


def _move(name: str, result: Personalization | PersonResult, key: str, refused: bool) -> _Move:
    before, after, own_mean = (getattr(part, key) for part in (result.before, result.after, result.own_mean))
    return _Move(name, before, after, None if key.startswith("ccc") else own_mean, refused)


def _draw_move(axes: Axes, place: int, row: _Move, measure: Measure) -> None:
    if row.own_mean is not None:
        axes.plot(row.own_mean, place, "|", color=OWN_MEAN, markersize=12, markeredgewidth=2)
    if row.before is not None and row.after is not None:
        axes.plot([row.before, row.after], [place, place], color=MUTED, linewidth=2, alpha=0.45)
    for value, colour in ((row.before, BEFORE), (None if row.refused else row.after, AFTER)):
        if value is not None:
            axes.plot(value, place, "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.2)
    note, colour = _note(row, measure)
    weight = "bold" if row.name == _POOLED else "normal"
    corner = axes.get_yaxis_transform()
    axes.text(1.04, place, note, transform=corner, va="center", color=colour, fontweight=weight)


def _note(row: _Move, measure: Measure) -> tuple[str, str]:
    """Return the text at the right end of a row, and its colour."""
    if row.refused:
        return "refused", MUTED
    if row.change is None:
        return "\N{EN DASH}", MUTED
    if abs(row.change) < SAME:
        return "same", MUTED
    better = row.change > 0 if measure == "ccc" else row.change < 0
    return typographic(signed(row.change, 2)), AFTER if better else BEFORE


def _move_limits(rows: list[_Move]) -> tuple[float, float]:
    """Return an axis that holds all values and little else."""
    values = [value for row in rows for value in (row.before, row.after, row.own_mean) if value is not None]
    if not values:
        return 0.0, 1.0
    room = 0.06 * (max(values) - min(values)) + 0.01
    return min(values) - room, max(values) + room


def _draw_trace(axes: Axes, time_s: Doubles, label: Values, estimate: Values, colour: str) -> None:
    for values, shade, width in ((label, TRUTH, 2.6), (estimate, colour, 1.2)):
        axes.plot(time_s, np.clip(values, -_EDGE, _EDGE), color=shade, linewidth=width)
    affect_axis(axes, "y")
    axes.margins(x=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(length=0)


def _draw_plane(axes: Axes, trace: Trace, estimate: Values, colour: str) -> None:
    affect_axis(axes, "x")
    affect_axis(axes, "y")
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


def draw_weights(axes: Axes, strengths: Values) -> None:
    """Draw one square for each person and expert, the darker the heavier.

    Args:
        axes: the plot.
        strengths: from 0 to 1, ``[people, experts]``.
    """
    people, experts = strengths.shape
    cells = (
        Cell(expert - 0.46, person - 0.44, 0.92, 0.88, float(strength))
        for (person, expert), strength in np.ndenumerate(strengths)
    )
    shade_cells(axes, cells, INK)
    axes.set_xlim(-0.5, experts - 0.5)
    axes.set_ylim(people - 0.5, -0.5)
    step = math.ceil(experts / 10)
    axes.set_xticks(range(0, experts, step), [str(expert + 1) for expert in range(0, experts, step)])
    axes.set_yticks([])
    axes.tick_params(length=0)


def _thinned(trace: Trace, count: int) -> Trace:
    """Return at most ``count`` moments of a trace, evenly spread."""
    rows = _spread(len(trace.time_s), count)
    return Trace(trace.time_s[rows], trace.affect[rows], trace.before[rows], trace.after[rows], trace.own_mean[rows])


def _spread(length: int, count: int) -> NDArray[np.intp]:
    rows: NDArray[np.intp] = np.linspace(0, length - 1, min(length, count)).round().astype(np.intp)
    return rows
