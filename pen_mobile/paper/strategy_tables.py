"""Tables of the strategies: which wins with how few labels, beside what needs no adaptation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pen_mobile.contract.strategy import ON_PHONES, Strategy
from pen_mobile.paper.aggregates import AggregateRow, MeanStd
from pen_mobile.paper.differences import Difference
from pen_mobile.paper.protocol_plan import Sampling
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN, UNADAPTED, Model
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_tables import DIGITS, MODEL_NAMES, difference_cell, marked, percent, spread_text
from pen_mobile.utils.table import Cell, Row, Table

NAMES = {UNADAPTED: "not adapted", Strategy.PRIOR.value: "prior, the phone's default with its guard"}
"""Names of strategies where their value does not say enough."""

SERVER_ONLY = "server only"


def strategy_name(strategy: str) -> str:
    """Return the name of a strategy for people, marked where a bundle cannot carry it.

    Args:
        strategy: value of a :class:`~pen_mobile.contract.strategy.Strategy`, or ``none``.
    """
    known = {one.value for one in ON_PHONES} | {UNADAPTED}
    name = NAMES.get(strategy, strategy)
    return name if strategy in known else f"{name} ({SERVER_ONLY})"


Column = tuple[str, Callable[[AggregateRow], MeanStd], bool, int]

_STRATEGY_COLUMNS: tuple[Column, ...] = (
    ("CCC, people", lambda line: line.person["ccc"], True, DIGITS),
    ("CCC, pooled", lambda line: line.pooled["ccc"], True, DIGITS),
    ("RMSE", lambda line: line.pooled["rmse"], False, DIGITS),
    ("ms", lambda line: line.milliseconds, False, 1),
)
"""Title, number, whether more is better, digits."""


def strategy_grids(lines: Sequence[AggregateRow]) -> list[Table]:
    """Return one table for each number of labels: strategies as rows, measures of each model as columns.

    Args:
        lines: of one sampling's study of strategies.
    """
    budgets = dict.fromkeys(line.budget for line in sorted(lines, key=lambda line: line.labels))
    unadapted = [line for line in lines if not line.labels]
    return [
        _strategy_grid(budget_words(given[0]), given, unadapted)
        for share, count in budgets
        if (given := lines_of(lines, share, count)) != unadapted
    ]


def lines_of(lines: Iterable[AggregateRow], share: float | None, count: int | None) -> list[AggregateRow]:
    """Return the lines with one amount of labels.

    Args:
        lines: of one sampling's study of strategies.
        share: of the labels.
        count: of the labels.
    """
    return [line for line in lines if line.budget == (share, count)]


def budget_words(line: AggregateRow) -> str:
    """Return an amount of labels in words, also where somebody has fewer than were asked for.

    Args:
        line: with that amount.
    """
    if line.count is None:
        return f"{percent(line.share or 0.0)} of each person's labels"
    words = "1 label of each person" if line.count == 1 else f"{line.count} labels of each person"
    return words if line.fewest >= line.count else f"{words}, as far as they have so many (at least {line.fewest})"


def _strategy_grid(caption: str, lines: Sequence[AggregateRow], unadapted: Sequence[AggregateRow]) -> Table:
    """Return the table of one amount of labels, with not adapting and the own mean as references."""
    models = [model for model in MODELS if any(line.model == model for line in lines)]
    names = list(dict.fromkeys(line.strategy for line in lines if line.model != OWN_MEAN))
    own_mean = next((line for line in lines if line.model == OWN_MEAN), None)
    columns = [
        cells
        for model in models
        for cells in _strategy_columns(
            [
                *(_first(lines, model, name) for name in names),
                next((line for line in unadapted if line.model == model), None),
                own_mean,
            ]
        )
    ]
    titles = [*map(strategy_name, names), NAMES[UNADAPTED], MODEL_NAMES[OWN_MEAN]]
    rows = [
        Row([title, *cells], "reference" if place >= len(names) else "plain")
        for place, (title, cells) in enumerate(zip(titles, zip(*columns, strict=True), strict=True))
        if any(cell.text != "-" for cell in cells)
    ]
    head = ["", *(column[0] for _ in models for column in _STRATEGY_COLUMNS)]
    return Table(head, rows, caption, [(model, len(_STRATEGY_COLUMNS)) for model in models])


def _first(lines: Iterable[AggregateRow], model: Model, strategy: str) -> AggregateRow | None:
    return next((line for line in lines if (line.model, line.strategy) == (model, strategy)), None)


def _strategy_columns(lines: Sequence[AggregateRow | None]) -> Iterator[list[Cell]]:
    """Yield the columns of one model; the last two lines are references, which take no time."""
    contest = [place < len(lines) - 2 for place in range(len(lines))]
    for title, measure, larger, digits in _STRATEGY_COLUMNS:
        timed = [line if runs or title != "ms" else None for line, runs in zip(lines, contest, strict=True)]
        values = [None if line is None else measure(line) for line in timed]
        yield marked(values, contest, larger=larger, digits=digits)


def winners_table(summary: Summary, sampling: Sampling) -> Table:
    """Return, for each amount of labels, the strategy with the smallest error, beside the references.

    The error is the mean over people of the RMSE of each. What needs no adaptation, the own mean and the model as it
    is, is among the candidates.

    Args:
        summary: all lines.
        sampling: how the rows that adapt were chosen.
    """
    lines = [one for one in summary.lines if (one.sampling, one.study) == (sampling, "strategies")]
    unadapted = {one.model: one for one in lines if one.strategy == UNADAPTED}
    head = ["labels", "model", "smallest error", "RMSE", "prior", "own mean", "not adapted"]
    rows = []
    for share, count in dict.fromkeys(one.budget for one in lines if one.strategy != UNADAPTED):
        given = lines_of(lines, share, count)
        own_mean = next((one for one in given if one.model == OWN_MEAN), None)
        for model in [model for model in MODELS if any(one.model == model for one in given)]:
            adapted = [one for one in given if one.model == model]
            prior = _first(adapted, model, Strategy.PRIOR.value)
            candidates = [one for one in (*adapted, unadapted.get(model), own_mean) if one and _error(one) is not None]
            best = min(candidates, key=lambda one: _error(one) or 0.0)
            name = MODEL_NAMES[OWN_MEAN] if best is own_mean else strategy_name(best.strategy)
            values = (best, prior, own_mean, unadapted.get(model))
            rows.append((_short(given[0]), model, name, *(_text(one) for one in values)))
    return Table(head, rows)


def _error(line: AggregateRow) -> float | None:
    return line.person["rmse"].mean


def _text(line: AggregateRow | None) -> str:
    return spread_text(None if line is None else line.person["rmse"])


def _short(line: AggregateRow) -> str:
    if line.count is None:
        return percent(line.share or 0.0)
    return f"{line.count} each" if line.fewest >= line.count else f"{line.count} each (some {line.fewest})"


def interval_tables(summary: Summary, sampling: Sampling) -> list[Table]:
    """Return the differences of every strategy to the own mean and to not adapting, with 95 % intervals over people.

    Args:
        summary: all differences.
        sampling: how the rows that adapt were chosen.
    """
    found = [one for one in summary.differences if (one.sampling, one.study) == (sampling, "strategies")]
    references: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
        ("each person's own mean", lambda one: one.other == OWN_MEAN),
        ("the model that is not adapted", lambda one: one.other_strategy == UNADAPTED),
    )
    return [
        _interval_table(model, name, [one for one in found if one.model == model and belongs(one)])
        for model in MODELS
        for name, belongs in references
        if any(one.model == model and belongs(one) for one in found)
    ]


def _interval_table(model: Model, reference: str, found: Sequence[Difference]) -> Table:
    budgets = list(dict.fromkeys(one.budget for one in found))
    cells = {(one.strategy, *one.budget): difference_cell(one) for one in found}
    rows = [
        Row([strategy_name(strategy), *(cells.get((strategy, *budget), Cell("-")) for budget in budgets)])
        for strategy in dict.fromkeys(one.strategy for one in found)
    ]
    titles = [percent(share) if share is not None else f"{count}" for share, count in budgets]
    caption = (
        f"{model}: RMSE of each strategy minus RMSE of {reference}, mean of people; below 0 the strategy is better"
    )
    return Table(["labels", *titles], rows, caption)
