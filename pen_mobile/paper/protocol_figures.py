"""Figures of the protocol: learning curves, people, gates and traces; every model in its own colour."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np

from pen_mobile.paper import protocol_result as results
from pen_mobile.paper.aggregates import MeanStd
from pen_mobile.paper.person_scores import COMPARED, PersonScore
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import MODELS, GateMeans, Model
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.reports.gate_figure import draw_weights
from pen_mobile.reports.mpl import Axes, Figure, Line2D, MaxNLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    AFTER_LIGHT,
    BEFORE,
    BEFORE_LIGHT,
    INK,
    MUTED,
    OWN_MEAN,
    WIDE,
    WIDTH,
    add_axes,
    add_legend,
    add_title,
    dot_handle,
    figure_style,
    new_figure,
    short_name,
    strength_key,
)
from pen_mobile.targets import DEFAULT_TARGETS

Over = Literal["pooled", "person"]
Look = dict[str, Any]
"""Line style and marker, as matplotlib calls them."""

# The hue says SN or PEN, also to who sees few colours; what began at random is lighter, dashed and hollow.
COLOURS: dict[Model, str] = {
    "s-SN": BEFORE,
    "s-PEN": AFTER,
    "t-SN": BEFORE_LIGHT,
    "t-PEN": AFTER_LIGHT,
    "own-mean": OWN_MEAN,
}
LOOKS: dict[Model, Look] = {
    "s-SN": {"linestyle": "-", "marker": "o"},
    "s-PEN": {"linestyle": "-", "marker": "D"},
    "t-SN": {"linestyle": "--", "marker": "o", "markerfacecolor": "none"},
    "t-PEN": {"linestyle": "--", "marker": "D", "markerfacecolor": "none"},
    "own-mean": {"linestyle": ":", "marker": "s"},
}
_LINE: Look = {"linewidth": 1.6, "markersize": 4.5, "markeredgewidth": 1.2}
_NAMES: dict[Model, str] = {"own-mean": "own mean"}

_LEFT = 46  # CSS pixels beside a plot for numbers
_RIGHT = 14  # and for half a number on the other side
_LETTER, _SHORTEST, _LONGEST = 7.4, 5, 14  # CSS pixels of a name's letter; letters for which there is room
_TALLEST, _LOWEST, _PEOPLE_HEIGHT = 24.0, 9.0, 1000.0  # CSS pixels of a person's row, and of all of them if possible
_LABEL_HEIGHT = 13  # CSS pixels that a name needs


@figure_style()
def learning_curve_figure(
    summary: Summary,
    sampling: Sampling,
    scopes: Sequence[AdaptationScope],
    shares: Sequence[float],
    measure: str,
    over: Over,
) -> Figure:
    """Return how a measure changes with n: valence and arousal side by side, two rows for each scope.

    The first row of a scope shows all models, with one standard deviation over seeds on either side as a band; with one
    seed there is none. The second row shows the means of s-SN and s-PEN alone. Every plot has its own range.

    Args:
        summary: all lines.
        sampling: of the rows that adapt.
        scopes: of the adaptation, from top to bottom.
        shares: of the labels, along the axis.
        measure: ``ccc`` or ``rmse``.
        over: ``pooled`` rows, or the mean over each ``person``.
    """
    models = [model for model in (*MODELS, results.OWN_MEAN) if not _always_zero(model, measure, over)]
    panels = [(scope, shown) for scope in scopes for shown in (models, list(COMPARED))]
    top, each, across, between = 44, 112, (WIDTH - _LEFT - 8 - 40) / 2, 40
    figure = new_figure(top + len(panels) * (each + 18) + 22)
    for row, (scope, shown) in enumerate(panels):
        for column, dimension in enumerate(DEFAULT_TARGETS):
            axes = add_axes(figure, _LEFT + column * (across + between), top + row * (each + 18), across, each)
            found = {
                model: [(share, summary.find(sampling, scope, model, share)) for share in shares] for model in shown
            }
            name = f"{measure}_{dimension}"
            _draw_curves(
                axes,
                {
                    model: [(100 * share, getattr(line, over)[name]) for share, line in lines if line]
                    for model, lines in found.items()
                },
                bands=shown is models,
            )
            _share_axis(axes, shares, labels=row == len(panels) - 1)
            if row == 0:
                add_title(axes, dimension, INK)
            if column == 0:
                axes.set_ylabel({"pooled": "one head for all", "person": "one head each"}[scope], labelpad=2)
    figure.axes[-2].set_xlabel("n, % of a person's labels", loc="left")
    drawn = [model for model in models if any(line.model == model for line in summary.lines)]
    add_legend(figure, [look_handle(_NAMES.get(model, model), COLOURS[model], LOOKS[model]) for model in drawn], 8)
    return figure


def _draw_curves(axes: Axes, curves: dict[Model, list[tuple[float, MeanStd]]], bands: bool) -> None:
    """Draw lines, with or without their bands, in a range that holds all means; a wide band may leave it."""
    means = {model: [(x, MeanStd(one.mean, None)) for x, one in points] for model, points in curves.items()}
    for model, points in (curves if bands else means).items():
        draw_spreads(axes, points, COLOURS[model], LOOKS[model])
    axes.set_ylim(*range_of([one for points in means.values() for _, one in points], 0.12))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y")
    axes.tick_params(length=0)


def _always_zero(model: Model, measure: str, over: Over) -> bool:
    """Tell whether a curve says nothing: a constant answer has CCC 0 for each person, and would stretch the axis."""
    return (model, measure, over) == (results.OWN_MEAN, "ccc", "person")


def draw_spreads(axes: Axes, points: Sequence[tuple[float, MeanStd]], colour: str, look: Look) -> None:
    """Draw a line through means, with a band where there is a deviation."""
    known = [(x, statistic.mean, statistic.std or 0.0) for x, statistic in points if statistic.mean is not None]
    if not known:
        return
    x, mean, std = np.array(known, dtype=np.float64).T
    axes.plot(x, mean, color=colour, **(_LINE | look))
    if std.any():
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.16, linewidth=0)


def range_of(statistics: Sequence[MeanStd], room: float = 0.06) -> tuple[float, float]:
    """Return a range of an axis that holds means and deviations.

    Args:
        statistics: of all lines.
        room: margin on each side, as a share of the range.
    """
    known = [(statistic.mean, statistic.std or 0.0) for statistic in statistics if statistic.mean is not None]
    if not known:
        return 0.0, 1.0
    low, high = min(mean - std for mean, std in known), max(mean + std for mean, std in known)
    margin = room * (high - low) or 0.05
    return low - margin, high + margin


def _share_axis(axes: Axes, shares: Sequence[float], labels: bool) -> None:
    ticks = [100 * share for share in shares]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    margin = 0.05 * (max(ticks) - min(ticks)) or 1.0
    axes.set_xlim(min(ticks) - margin, max(ticks) + margin)
    axes.tick_params(labelbottom=labels)


def look_handle(label: str, colour: str, look: Look) -> Line2D:
    """Return a legend entry of a line that :func:`draw_spreads` draws."""
    return Line2D([], [], color=colour, label=label, **(_LINE | look))


@figure_style()
def person_figure(scores: Sequence[PersonScore]) -> Figure:
    """Draw every person's CCC of s-SN and s-PEN as bars, valence and arousal side by side (the paper's Fig. 3)."""
    each = _row_height(len(scores))
    left = _names_width([score.name for score in scores])
    top, across = 44, (WIDE - left - _RIGHT - 28) / 2
    figure = new_figure(top + each * len(scores) + 40, WIDE)
    low = min([0.0, *(value for score in scores for value in score.values())])
    for column, dimension in enumerate(DEFAULT_TARGETS):
        axes = add_axes(figure, left + column * (across + 28), top, across, each * len(scores))
        for model, shift in zip(COMPARED, (-0.2, 0.2), strict=True):
            found = [(place + shift, score.ccc[model][column]) for place, score in enumerate(scores)]
            known = np.array([bar for bar in found if bar[1] is not None]).reshape(-1, 2)
            axes.barh(known[:, 0], known[:, 1], height=0.38, color=COLOURS[model], linewidth=0)
        _person_axis(axes, [score.name for score in scores], each, labels=column == 0)
        axes.set_xlim(low - (0.02 if low < 0 else 0), 1)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.grid(axis="x")
        add_title(axes, dimension, INK)
        axes.set_xlabel("CCC, 1 is perfect", labelpad=2)
    add_legend(figure, [dot_handle(model, COLOURS[model]) for model in COMPARED], left)
    return figure


@figure_style()
def gate_maps_figure(source: GateMeans, before: GateMeans, after: GateMeans) -> Figure:
    """Draw mean gate weights, people as rows and experts as columns (the paper's Fig. 4), all from 0 to 1.

    Args:
        source: held-out rows of source people after source learning.
        before, after: test rows of target people, unadapted and adapted.
    """
    each = _row_height(max(len(source), len(before)))
    left, between, top = _names_width(source), _names_width(before), 24
    across = (WIDE - left - between - 14 - 10 - _RIGHT) / 3
    tallest = each * max(len(source), len(before))
    figure = new_figure(top + tallest + 78, WIDE)
    second = left + across + 10 + between
    panels = (
        ("source people", source, left, True),
        ("target, unadapted", before, second, True),
        ("target, adapted", after, second + across + 14, False),
    )
    for title, gate, start, labels in panels:
        names = sorted(gate)
        axes = add_axes(figure, start, top, across, each * len(names))
        draw_weights(axes, np.sqrt(np.clip([gate[name] for name in names], 0, 1)))
        _person_axis(axes, names, each, labels=labels)
        axes.spines[["top", "right", "left", "bottom"]].set_visible(True)
        add_title(axes, title, INK)
        axes.set_xlabel("expert", labelpad=1)
    strengths = np.sqrt((np.arange(20) + 0.5) / 20).tolist()
    strength_key(add_axes(figure, left, top + tallest + 52, across, 9), strengths, "1, mean gate weight")
    return figure


def _names_width(names: Collection[str]) -> float:
    """Return how many CSS pixels names need beside a plot."""
    longest = max(len(short_name(name)) for name in names)
    return 14 + _LETTER * max(_SHORTEST, min(_LONGEST, longest))


def _row_height(people: int) -> float:
    """Return how high each person's row is: less for many people, so that a figure does not become a scroll."""
    return max(_LOWEST, min(_TALLEST, _PEOPLE_HEIGHT / people))


def _person_axis(axes: Axes, names: Sequence[str], each: float, labels: bool) -> None:
    """Put people from top to bottom, and as many of their names as there is room for."""
    step = math.ceil(_LABEL_HEIGHT / each)
    shown = range(0, len(names), step) if labels else range(0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(shown, [short_name(names[place]) for place in shown], color=INK)
    axes.tick_params(length=0)
