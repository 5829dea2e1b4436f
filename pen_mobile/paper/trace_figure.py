"""One person's labels and estimates over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.statistics import covered_spans
from pen_mobile.paper.person_scores import COMPARED
from pen_mobile.paper.predictions import Predictions, estimate_key
from pen_mobile.paper.protocol_figures import COLOURS
from pen_mobile.paper.protocol_result import Model
from pen_mobile.reports.mpl import Axes, Figure
from pen_mobile.reports.plot_style import (
    INK,
    TRUTH,
    WIDE,
    Values,
    add_axes,
    add_legend,
    add_title,
    affect_axis,
    figure_style,
    line_handle,
    new_figure,
)
from pen_mobile.targets import DEFAULT_TARGETS

_LEFT, _RIGHT = 46, 14  # CSS pixels beside a plot, for numbers and for half a number
_MOMENTS = 500  # drawn of one line over time
_EDGE = 1.06  # affect beyond this is drawn here


class TracePanel(NamedTuple):
    """One column of a person's traces: the key of each model's estimates in :class:`Predictions`."""

    title: str
    keys: dict[Model, str]

    @classmethod
    def of(cls, predictions: Predictions, share: float, title: str) -> TracePanel:
        """Return the column of one share, of the models whose estimates are there.

        Args:
            predictions: of the test rows.
            share: of the labels.
            title: above the column.
        """
        keys = {model: estimate_key(model, share) for model in COMPARED}
        return cls(title, {model: key for model, key in keys.items() if key in predictions.estimates})


@figure_style()
def person_trace_figure(predictions: Predictions, subject: str, panels: Sequence[TracePanel]) -> Figure:
    """Return one person's labels and estimates over time, a row for each target and model.

    Args:
        predictions: of the test rows.
        subject: the person.
        panels: columns.
    """
    rows = np.flatnonzero(predictions.subject == subject)
    models = list(dict.fromkeys(model for panel in panels for model in panel.keys))
    lines = [(place, dimension, model) for place, dimension in enumerate(DEFAULT_TARGETS) for model in models]
    top, each, across = 44, 74, (WIDE - _LEFT - _RIGHT - 24 * (len(panels) - 1)) / len(panels)
    figure = new_figure(top + len(lines) * (each + 12) + 32, WIDE)
    for column, panel in enumerate(panels):
        for row, (place, dimension, model) in enumerate(lines):
            axes = add_axes(figure, _LEFT + column * (across + 24), top + row * (each + 12), across, each)
            if model in panel.keys:
                _draw_estimates(axes, predictions, rows, place, panel.keys[model], COLOURS[model])
            axes.tick_params(length=0, labelbottom=row == len(lines) - 1, labelleft=column == 0)
            if row == 0:
                add_title(axes, panel.title, INK)
            if column == 0:
                axes.set_ylabel(dimension, labelpad=0)
        axes.set_xlabel("seconds into the recording", labelpad=2)
    handles = [line_handle("label", TRUTH, 2.6), *(line_handle(model, COLOURS[model], 1.6) for model in models)]
    add_legend(figure, handles, _LEFT)
    return figure


def _draw_estimates(
    axes: Axes, predictions: Predictions, rows: NDArray[np.intp], target: int, key: str, colour: str
) -> None:
    """Draw labels and one model's estimates; where test rows are missing, lines are broken."""
    time_s = predictions.time_s[rows]
    places = _broken(time_s)
    for values, shade, width in ((predictions.affect, TRUTH, 2.6), (predictions.estimates[key], colour, 1.2)):
        _draw_broken(axes, time_s, values[rows, target], places, shade, width)
    affect_axis(axes, "y")
    axes.margins(x=0.01)


def _broken(time_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which moments to draw, with -1 for a break wherever rows are missing."""
    stride = math.ceil(len(time_s) / _MOMENTS)
    parts: list[NDArray[np.intp]] = []
    for start, end in covered_spans(time_s):
        first, last = np.searchsorted(time_s, (start, end))
        parts += [np.arange(first, last + 1, stride), np.array([-1])]
    return np.concatenate(parts)


def _draw_broken(
    axes: Axes, time_s: NDArray[np.float64], values: Values, places: NDArray[np.intp], colour: str, width: float
) -> None:
    """Draw a line with gaps; a value that stands alone between two gaps is a dot."""
    shown = np.where(places < 0, np.nan, np.clip(values, -_EDGE, _EDGE)[places])
    axes.plot(time_s[places], shown, color=colour, linewidth=width)
    beside = np.concatenate([[-1], places, [-1]])
    alone = places[(places >= 0) & (beside[:-2] < 0) & (beside[2:] < 0)]
    axes.plot(time_s[alone], np.clip(values[alone], -_EDGE, _EDGE), ".", color=colour, markersize=width * 2)
