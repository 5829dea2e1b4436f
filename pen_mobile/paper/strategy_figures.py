"""Which way to adapt wins with how few labels, as a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pen_mobile.paper.aggregates import AggregateRow, MeanStd
from pen_mobile.paper.protocol_figures import COLOURS, LOOKS, Look, draw_spreads, look_handle, range_of
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN
from pen_mobile.reports.mpl import Axes, Figure, Line2D, NullLocator
from pen_mobile.reports.plot_style import INK, MUTED, WIDE, add_axes, add_legend, add_title, figure_style, new_figure

# Not the models' colours; readable on white and on black, and told apart by markers too.
_COLOURS = (INK, "#2a9d8f", "#cc5f74", "#8a8f1f", "#7a6be0", "#b0713a")
_MARKERS = ("o", "^", "s", "v", "D", "P")
_OWN_MEAN: Look = LOOKS[OWN_MEAN] | {"markersize": 0}
_UNADAPTED: Look = {"linestyle": (0, (5, 3)), "markersize": 0}

Measure = Callable[[AggregateRow], MeanStd]

_PERSON_CCC = "CCC, mean of people"
_MEASURES: dict[str, Callable[[AggregateRow], MeanStd]] = {
    "CCC, pooled rows": lambda line: line.pooled["ccc"],
    _PERSON_CCC: lambda line: line.person["ccc"],
    "RMSE, pooled rows": lambda line: line.pooled["rmse"],
}
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_LEFT, _TOP, _EACH, _BETWEEN = 60, 52, 140, 20  # CSS pixels


@figure_style()
def strategy_figure(lines: Sequence[AggregateRow], people: int) -> Figure:
    """Draw CCC and RMSE against the number of labels that a person gave, a column for each model.

    Args:
        lines: of one sampling's study of strategies.
        people: among whom the labels of a line are shared.
    """
    models = [model for model in MODELS if any(line.model == model for line in lines)]
    looks = _looks(lines)
    across = (WIDE - _LEFT - 8 - _BETWEEN * (len(models) - 1)) / len(models)
    figure = new_figure(_TOP + len(_MEASURES) * (_EACH + 14) + 34, WIDE)
    for column, model in enumerate(models):
        mine = [line for line in lines if line.model == model]
        for row, title in enumerate(_MEASURES):
            left, top = _LEFT + column * (across + _BETWEEN), _TOP + row * (_EACH + 14)
            axes = add_axes(figure, left, top, across, _EACH)
            _draw_measure(axes, title, mine, lines, looks, people)
            axes.tick_params(length=0, labelleft=column == 0, labelbottom=row == len(_MEASURES) - 1)
            if row == 0:
                add_title(axes, model, COLOURS[model])
            if column == 0:
                axes.set_ylabel(title)
                axes.yaxis.set_label_coords(-44 / across, 0.5)
        axes.set_xlabel("labels of each person, mean", labelpad=2)
    add_legend(figure, _handles(looks, lines), 8)
    return figure


def _looks(lines: Iterable[AggregateRow]) -> dict[str, tuple[str, Look]]:
    """Return colour and marker of each strategy, in the order of the study."""
    names = dict.fromkeys(line.strategy for line in lines if line.model != OWN_MEAN and line.labels)
    return {
        name: (_COLOURS[place % len(_COLOURS)], {"linestyle": "-", "marker": _MARKERS[place % len(_MARKERS)]})
        for place, name in enumerate(names)
    }


def _draw_measure(
    axes: Axes,
    title: str,
    mine: Sequence[AggregateRow],
    lines: Sequence[AggregateRow],
    looks: dict[str, tuple[str, Look]],
    people: int,
) -> None:
    """Draw one model's strategies, what it is unadapted, and the own mean; a CCC of 0 for each person is not drawn."""
    measure = _MEASURES[title]
    given = sorted((line for line in lines if line.labels), key=lambda line: line.labels)
    own_mean = [line for line in given if line.model == OWN_MEAN and title != _PERSON_CCC]
    unadapted = [measure(line) for line in mine if not line.labels]
    first, last = given[0].labels / people, given[-1].labels / people
    for statistic in unadapted:
        draw_spreads(axes, [(first, statistic), (last, statistic)], MUTED, _UNADAPTED)
    draw_spreads(axes, _points(own_mean, measure, people), COLOURS[OWN_MEAN], _OWN_MEAN)
    for name, (colour, look) in looks.items():
        chosen = [line for line in given if line.model == mine[0].model and line.strategy == name]
        draw_spreads(axes, _points(chosen, measure, people), colour, look)
    _label_axis(axes, first, last)
    drawn = [line for line in lines if line.model != OWN_MEAN or title != _PERSON_CCC]
    axes.set_ylim(*range_of([measure(line) for line in drawn]))
    axes.grid(axis="y")


def _points(
    lines: Iterable[AggregateRow], measure: Callable[[AggregateRow], MeanStd], people: int
) -> list[tuple[float, MeanStd]]:
    return [(line.labels / people, measure(line)) for line in lines]


def _label_axis(axes: Axes, first: float, last: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(first * 0.88, last * 1.14)
    ticks = [tick for tick in _TICKS if first * 0.88 <= tick <= last * 1.14]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _handles(looks: dict[str, tuple[str, Look]], lines: Sequence[AggregateRow]) -> list[Line2D]:
    entries = [(name, colour, look) for name, (colour, look) in looks.items()]
    if any(line.model == OWN_MEAN for line in lines):
        entries.append(("own mean", COLOURS[OWN_MEAN], _OWN_MEAN))
    if any(not line.labels for line in lines):
        entries.append(("not adapted", MUTED, _UNADAPTED))
    return [look_handle(name, colour, look) for name, colour, look in entries]
