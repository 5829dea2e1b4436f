"""Figure of every person before and after adaptation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pen_mobile.evaluation.person_result import Personalization, PersonResult
from pen_mobile.phone.adaptation.target_verdict import SAME
from pen_mobile.reports.figure_output import inline_svg
from pen_mobile.reports.mpl import Axes, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    GRID,
    INK,
    MUTED,
    OWN_MEAN,
    PAPER,
    WIDTH,
    add_axes,
    add_legend,
    dot_handle,
    figure_style,
    new_figure,
    short_name,
    tick_handle,
)
from pen_mobile.utils.table import typographic
from pen_mobile.utils.text import signed

Measure = Literal["ccc", "rmse"]

_POOLED = "all, pooled"


def before_after_figure(result: Personalization, target: str, measure: Measure = "rmse") -> str:
    """Return how far every person moved from before to after, the largest gain on top and everybody pooled below.

    Args:
        result: results of all people.
        target: name of one of the targets.
        measure: ``rmse``, where the left is better, or ``ccc``, where the right is.
    """
    rows, unit = _moves(result, target, measure), 1.0 if measure == "ccc" else result.targets.half_width
    height = 72 + 26 * len(rows)
    with figure_style():
        figure = new_figure(height)
        axes = add_axes(figure, 112, 30, WIDTH - 112 - 62, height - 72)
        for place, row in enumerate(rows):
            _draw_move(axes, place, row, measure, SAME * unit)
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


def _draw_move(axes: Axes, place: int, row: _Move, measure: Measure, same: float) -> None:
    if row.own_mean is not None:
        axes.plot(row.own_mean, place, "|", color=OWN_MEAN, markersize=12, markeredgewidth=2)
    if row.before is not None and row.after is not None:
        axes.plot([row.before, row.after], [place, place], color=MUTED, linewidth=2, alpha=0.45)
    for value, colour in ((row.before, BEFORE), (None if row.refused else row.after, AFTER)):
        if value is not None:
            axes.plot(value, place, "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.2)
    note, colour = _note(row, measure, same)
    weight = "bold" if row.name == _POOLED else "normal"
    corner = axes.get_yaxis_transform()
    axes.text(1.04, place, note, transform=corner, va="center", color=colour, fontweight=weight)


def _note(row: _Move, measure: Measure, same: float) -> tuple[str, str]:
    """Return the text at the right end of a row, and its colour."""
    if row.refused:
        return "refused", MUTED
    if row.change is None:
        return "\N{EN DASH}", MUTED
    if abs(row.change) < same:
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
