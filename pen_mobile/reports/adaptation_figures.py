"""Figures of a personalization as inline SVG: same numbers, same bytes, in the colours of the page around them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.evaluation.personalization import Personalization, PersonResult, Trace
from pen_mobile.reports.mpl import Axes, Ellipse
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

Measure = Literal["ccc", "rmse"]


_POINTS = 220  # moments drawn on the affect plane
_MOMENTS = 400  # moments drawn on a line over time
_EDGE = 1.06  # affect beyond this is drawn here
_POOLED = "all, pooled"


def before_after_figure(result: Personalization, measure: Measure = "ccc") -> str:
    """Draw how far everybody moved from before to after, the largest gain on top and everybody pooled below.

    Args:
        result: everybody.
        measure: ``ccc`` (mean of valence and arousal; the right is better) or ``rmse`` (the left is).
    """
    rows = _moves(result, measure)
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
        axes.set_xlim(*_move_limits(rows, measure))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("CCC, 1 is perfect" if measure == "ccc" else "RMSE, 0 is perfect")
        add_legend(
            figure, [dot_handle("before", BEFORE), dot_handle("after", AFTER), tick_handle("own mean", OWN_MEAN)], 112
        )
        return inline_svg(figure, f"{measure.upper()} of every person before and after adaptation")


def affect_plane_figure(person: PersonResult) -> str:
    """Draw estimates against what was felt on the valence-arousal plane, before and after side by side.

    Thin lines lead from the truth to the estimate, stronger where they are further apart. Ellipses of one standard
    deviation around the means show bias (the arrow from centre to centre) and gain (their sizes).
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
            [dot_handle("felt", TRUTH), dot_handle("estimated before", BEFORE), dot_handle("estimated after", AFTER)],
            46,
        )
        return inline_svg(figure, f"Valence and arousal of {person.subject}: felt and estimated, before and after")


def trace_figure(person: PersonResult) -> str:
    """Draw valence and arousal over the test time: what was felt, and the estimates before and after."""
    trace = _thinned(person.trace, _MOMENTS)
    height, each = 262, 90
    with figure_style():
        figure = new_figure(height)
        for column, name in enumerate(("valence", "arousal")):
            axes = add_axes(figure, 46, 28 + column * (each + 14), WIDTH - 46 - 8, each)
            for values, colour, width in (
                (trace.affect, TRUTH, 2.6),
                (trace.before, BEFORE, 1.1),
                (trace.after, AFTER, 1.4),
            ):
                axes.plot(trace.time_s, np.clip(values[:, column], -_EDGE, _EDGE), color=colour, linewidth=width)
            affect_axis(axes, "y")
            axes.set_ylabel(name, labelpad=0)
            axes.margins(x=0)
            axes.tick_params(length=0, labelbottom=column == 1)
        axes.set_xlabel("seconds into the recording")
        add_legend(
            figure,
            [line_handle("felt", TRUTH, 2.6), line_handle("before", BEFORE, 1.4), line_handle("after", AFTER, 1.4)],
            46,
        )
        return inline_svg(figure, f"Valence and arousal of {person.subject} over the test time")


def gate_figure(result: Personalization) -> str:
    """Draw the gate's mean weight of every expert for every person, before and after side by side."""
    before = np.stack([person.gate_before for person in result.people])
    after = np.stack([person.gate_after for person in result.people])
    people, experts = before.shape
    side, strongest = max(142.0, 13.0 * experts), max(float(before.max()), float(after.max()), 1e-9)
    left, height = 112, 88 + 22 * people
    width = max(WIDTH, math.ceil(left + 2 * side + 18 + 6))
    with figure_style():
        figure = new_figure(height, width)
        panels = (("before", before, BEFORE, left), ("after", after, AFTER, left + side + 18))
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


def _moves(result: Personalization, measure: Measure) -> list[_Move]:
    moves = [_move(person.subject, person, measure, not person.adaptation.accepted) for person in result.people]
    sign = 1 if measure == "ccc" else -1
    moves.sort(key=lambda move: -math.inf if move.change is None else sign * move.change, reverse=True)
    return [*moves, _move(_POOLED, result, measure, False)]


def _move(name: str, result: Personalization | PersonResult, measure: Measure, refused: bool) -> _Move:
    before, after, own_mean = (getattr(part, measure) for part in (result.before, result.after, result.own_mean))
    return _Move(name, before, after, own_mean, refused)


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
    """Return what stands at the right end of a row, and its colour."""
    if row.refused:
        return "refused", MUTED
    if row.change is None:
        return "\N{EN DASH}", MUTED
    better = row.change > 0 if measure == "ccc" else row.change < 0
    return f"{row.change:+.2f}".replace("-", "\N{MINUS SIGN}"), AFTER if better else BEFORE


def _move_limits(rows: list[_Move], measure: Measure) -> tuple[float, float]:
    values = [value for row in rows for value in (row.before, row.after, row.own_mean) if value is not None]
    if measure == "ccc":
        return min(-0.06, min(values, default=0) - 0.08), 1.0
    return 0.0, max(values, default=0.5) * 1.08 or 0.5


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
    """Draw one square per person and expert, ``[people, experts]`` from 0 to 1, the darker the heavier."""
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
