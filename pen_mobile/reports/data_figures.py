"""Figures of a table of recordings as inline SVG, in the colours and type of the report's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.label_statistics import label_edges
from pen_mobile.data.statistics import covered_spans
from pen_mobile.data.statistics_record import SubjectStatistics, TableStatistics
from pen_mobile.data.table import ROLES, Role
from pen_mobile.reports.figure_output import inline_svg
from pen_mobile.reports.mpl import Axes, Figure, Rectangle
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    INK,
    MUTED,
    WIDE,
    WIDTH,
    Cell,
    add_axes,
    add_legend,
    add_title,
    affect_axis,
    dot_handle,
    figure_style,
    new_figure,
    shade_cells,
    short_name,
    strength_key,
)
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles
from pen_mobile.utils.text import joined

COLOURS: dict[Role, str] = {"source": AFTER, "target": BEFORE}
_SHORTEST = 0.004  # part of the axis that even a single row takes


JOINT = "Joint distribution of {}, source people and target people"
"""Text of :func:`draw_joint` for screen readers."""

_EDGES = label_edges((-1, 1))


def joint_figure(statistics: TableStatistics) -> str | None:
    """Return the distribution of source and of target labels on the plane of two targets, side by side.

    Args:
        statistics: statistics of a table.

    Returns:
        None where there are not two targets.
    """
    counts = {role: labels.joint for role, labels in statistics.labels.items() if labels.joint is not None}
    if not counts:
        return None
    figure = draw_joint(counts, targets=statistics.targets)
    return inline_svg(figure, JOINT.format(joined(statistics.targets.names)))


@figure_style()
def draw_joint(
    counts: Mapping[Any, Sequence[Sequence[int]]],
    colours: Mapping[Any, str] = COLOURS,
    of: str = "a role's rows",
    targets: Targets = VALENCE_AROUSAL,
) -> Figure:
    """Return the figure of counts on the plane, side by side on one scale.

    Args:
        counts: ``counts[title][v][a]``, rows in bin v of the first target and bin a of the second.
        colours: by title, one for each panel; those without counts say "nobody".
        of: what the shares of the key are of.
        targets: the two targets.
    """
    side, top, width = 176, 24, WIDTH if len(colours) < 3 else WIDE
    shares = {role: _shares(joint) for role, joint in counts.items()}
    most = max(float(share.max()) for share in shares.values())
    figure = new_figure(top + side + 74, width)
    for role, left in zip(colours, np.linspace(46, width - side - 4, len(colours)), strict=True):
        axes = add_axes(figure, float(left), top, side, side)
        affect_axis(axes, "x", targets)
        affect_axis(axes, "y", targets)
        axes.spines[["top", "right"]].set_visible(True)
        axes.set_xlabel(targets.names[0], labelpad=2)
        add_title(axes, role, colours[role])
        if role in shares:
            _draw_cells(axes, shares[role], most, colours[role])
        else:
            axes.text(0, 0, "nobody", ha="center", va="center", color=MUTED, backgroundcolor="none")
    figure.axes[0].set_ylabel(targets.names[1], labelpad=0)
    for axes in figure.axes[1:]:
        axes.tick_params(labelleft=False)
    steps = 12
    strengths = [_strength(step + 0.5, steps) for step in range(steps)]
    strength_key(add_axes(figure, 46, top + side + 50, side, 9), strengths, f"{100 * most:.1f} % of {of}")
    return figure


def label_figure(statistics: TableStatistics) -> str:
    """Return histograms of every target, source and target people on top of each other.

    Args:
        statistics: statistics of a table.
    """
    names, each = statistics.targets.names, 88
    height = 54 + len(names) * (each + 22)
    with figure_style():
        figure = new_figure(height)
        for place, name in enumerate(names):
            axes = add_axes(figure, 46, 30 + place * (each + 22), WIDTH - 46 - 8, each)
            for role, labels in statistics.labels.items():
                share = _shares(labels.histograms[name]) * 100
                axes.stairs(share, _EDGES, fill=True, color=COLOURS[role], alpha=0.22, linewidth=0)
                axes.stairs(share, _EDGES, color=COLOURS[role], linewidth=1.6)
            affect_axis(axes, "x", statistics.targets)
            axes.set_ylim(bottom=0)
            axes.locator_params(axis="y", nbins=3, min_n_ticks=2)
            axes.set_ylabel(name)
            axes.yaxis.set_label_coords(-0.085, 0.5)
            axes.tick_params(labelbottom=place == len(names) - 1)
        figure.axes[-1].set_xlabel("label; heights are % of a role's rows", labelpad=2)
        add_legend(figure, [dot_handle(role, COLOURS[role]) for role in statistics.labels], 46)
        return inline_svg(figure, f"Histograms of {joined(names)}, source people and target people")


def coverage_figure(people: Sequence[SubjectStatistics], times: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the times at which each person has rows.

    Args:
        people: from top to bottom.
        times: sorted times by subject, seconds ``[N]``.
    """
    left, right, top, each = 112, 52, 30, 24
    first, last = min(person.first_s for person in people), max(person.last_s for person in people)
    unit, name = (60.0, "minutes") if last - first > 600 else (1.0, "seconds")
    width = ((last - first) or 1.0) / unit
    with figure_style():
        figure = new_figure(top + each * len(people) + 46)
        axes = add_axes(figure, left, top, WIDTH - left - right, each * len(people))
        for place, person in enumerate(people):
            for start, end in covered_spans(times[person.subject] / unit):
                corner, length = (start, place - 0.3), max(end - start, width * _SHORTEST)
                axes.add_patch(Rectangle(corner, length, 0.6, facecolor=COLOURS[person.role], linewidth=0))
            rows = f"{person.rows:,}"
            axes.text(1.015, place, rows, transform=axes.get_yaxis_transform(), va="center", color=MUTED, fontsize=11)
        axes.set_ylim(len(people) - 0.5, -0.5)
        axes.set_xlim(first / unit, first / unit + width * (1 + _SHORTEST))
        axes.set_yticks(range(len(people)), [short_name(person.subject) for person in people], color=INK)
        axes.tick_params(length=0)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{name} into the recording; on the right, rows")
        roles = [role for role in ROLES if any(person.role == role for person in people)]
        add_legend(figure, [dot_handle(role, COLOURS[role]) for role in roles], left)
        return inline_svg(figure, "When there are rows of each person")


def _shares(counts: Sequence[int] | Sequence[Sequence[int]]) -> Doubles:
    values: Doubles = np.asarray(counts, dtype=np.float64)
    values /= values.sum()
    return values


def _draw_cells(axes: Axes, shares: Doubles, most: float, colour: str) -> None:
    """Draw one square per bin that is not empty, the darker the fuller."""
    side = _EDGES[1] - _EDGES[0]
    cells = (
        Cell(_EDGES[across], _EDGES[up], side, side, _strength(share, most))
        for (across, up), share in np.ndenumerate(shares)
    )
    shade_cells(axes, cells, colour)


def _strength(share: float, most: float) -> float:
    """Return how dark a share is; the square root keeps rare labels visible."""
    return float(np.sqrt(share / most))
