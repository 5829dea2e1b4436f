"""Tables of the protocol's page: numbers as people read them, the best of each column marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pen_mobile.data.statistics_record import DIMENSIONS
from pen_mobile.paper.comparators.published import PublishedResult
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.protocol_figures import Over
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN, Model
from pen_mobile.paper.protocol_summary import PAIRS, AggregateRow, Check, Difference, MeanStd, Summary
from pen_mobile.utils.table import Cell, Row, Table
from pen_mobile.utils.text import decimal, signed

DIGITS = 3

MODEL_NAMES: dict[Model, str] = {model: model for model in MODELS} | {OWN_MEAN: "own mean"}


class Setting(NamedTuple):
    """How rows were chosen, and for whom a head was adapted: one Table 1."""

    sampling: Sampling
    scope: AdaptationScope

    @property
    def words(self) -> str:
        """The setting in words."""
        scope = {"pooled": "One head for all target people", "person": "One head for each person"}[self.scope]
        return f"{scope}, {sampling_words(self.sampling)}"


def sampling_words(sampling: Sampling) -> str:
    """Return how the rows that adapt were chosen, in words."""
    return {"random": "rows drawn at random", "blocks": "whole blocks of time"}[sampling]


def table_1_grids(summary: Summary, setting: Setting, shares: Sequence[float]) -> list[Table]:
    """Return Table 1: CCC over pooled rows, RMSE over pooled rows, and the mean of single people's CCC.

    Args:
        summary: all lines.
        setting: sampling and scope.
        shares: of the labels, one column for each.
    """
    wanted: tuple[tuple[str, Over, str], ...] = (
        ("ccc", "pooled", "CCC over the test rows of all people together; higher is better"),
        ("rmse", "pooled", "RMSE over the test rows of all people together; lower is better"),
        ("ccc", "person", "Mean over people of the CCC of each; higher is better"),
    )
    head = ["n", *map(percent, shares)]
    tables = []
    for measure, over, caption in wanted:
        blocks = (_block(summary, setting, shares, measure, name, over) for name in DIMENSIONS)
        tables.append(Table(head, [row for block in blocks for row in block], caption))
    return tables


def _block(
    summary: Summary, setting: Setting, shares: Sequence[float], measure: str, dimension: str, over: Over
) -> list[Row]:
    def value(model: Model, share: float) -> MeanStd | None:
        line = summary.find(*setting, model, share)
        return None if line is None else getattr(line, over)[f"{measure}_{dimension}"]

    models = (*MODELS, OWN_MEAN)
    contest = [model != OWN_MEAN for model in models]
    columns = [marked([value(model, share) for model in models], contest, larger=measure == "ccc") for share in shares]
    rows = zip(models, zip(*columns, strict=True), strict=True)
    lines = [Row([MODEL_NAMES[model], *cells], "reference" if model == OWN_MEAN else "plain") for model, cells in rows]
    return [Row([dimension], "title"), *lines]


def marked(
    values: Sequence[MeanStd | None], contest: Sequence[bool], *, larger: bool, digits: int = DIGITS
) -> list[Cell]:
    """Return the cells of one column, the best in bold if it is clear of chance.

    A contestant is bold if it is ahead of every other contestant, a reference if it is ahead of every contestant, by
    more than the standard deviations over seeds of both. With one seed there is no deviation, and nothing is bold.

    Args:
        values: of all lines of the table.
        contest: whether a line is a contestant; others are references.
        larger: whether more is better.
        digits: digits after the point.
    """
    cells = []
    for place, value in enumerate(values):
        rivals = [other for at, other in enumerate(values) if contest[at] and at != place]
        cells.append(Cell(spread_text(value, digits), _is_ahead(value, rivals, 1 if larger else -1)))
    return cells


def _is_ahead(value: MeanStd | None, rivals: Sequence[MeanStd | None], sign: int) -> bool:
    known = [other for other in rivals if other is not None and other.mean is not None]
    if value is None or value.mean is None or value.std is None or not known:
        return False
    return all(sign * (value.mean - (other.mean or 0.0)) > max(value.std, other.std or 0.0) for other in known)


def spread_text(value: MeanStd | None, digits: int = DIGITS) -> str:
    """Return a mean, with its deviation over seeds where there are several.

    Args:
        value: statistic, or None where there is none.
        digits: digits after the point.
    """
    if value is None or value.mean is None:
        return "-"
    mean = decimal(value.mean, digits)
    return mean if value.std is None else f"{mean} ± {decimal(value.std, digits)}"


def percent(share: float) -> str:
    """Return a share as the paper's n, such as ``5 %``.

    Args:
        share: from 0 to 1.
    """
    return f"{round(100 * share, 6):g} %"


def difference_grids(summary: Summary, setting: Setting, shares: Sequence[float]) -> list[Table]:
    """Return paired differences of CCC and of RMSE; empty when no two models are there.

    Args:
        summary: all differences.
        setting: sampling and scope.
        shares: of the labels, one column for each.
    """
    found = {
        (one.measure, one.model, one.other, one.share): one
        for one in summary.differences
        if (one.sampling, one.scope) == setting
    }
    tables = []
    for measure, side in (("ccc", "above"), ("rmse", "below")):
        rows = [
            row
            for model, other in PAIRS
            if any(columns := [found.get((measure, model, other, share)) for share in shares])
            for row in (
                Row([f"{model} \N{MINUS SIGN} {MODEL_NAMES[other]}"], "title"),
                Row(["pooled rows", *(_signed_spread(one.pooled) if one else "-" for one in columns)]),
                Row(["mean of people", *(_person_cell(one) for one in columns)]),
            )
        ]
        if rows:
            caption = f"Differences of {measure.upper()}; {side} 0 the first model is better"
            tables.append(Table(["n", *map(percent, shares)], rows, caption))
    return tables


def _person_cell(one: Difference | None) -> Cell:
    """Return a mean with its interval; bold when the interval leaves out 0."""
    if one is None or one.person is None:
        return Cell("-")
    if one.low is None or one.high is None:
        return Cell(signed(one.person, DIGITS))
    interval = f"{signed(one.low, DIGITS)} to {signed(one.high, DIGITS)}"
    return Cell(signed(one.person, DIGITS), one.low > 0 or one.high < 0, interval)


def _signed_spread(value: MeanStd) -> str:
    if value.mean is None:
        return "-"
    return signed(value.mean, DIGITS) + ("" if value.std is None else f" ± {decimal(value.std, DIGITS)}")


def check_table(checks: Sequence[Check]) -> Table:
    """Return the paper's statements with what was found in each setting.

    Args:
        checks: of all settings.
    """
    statements: dict[str, list[Check]] = {}
    for check in checks:
        statements.setdefault(check.statement, []).append(check)
    rows = [
        row
        for statement, alike in statements.items()
        for row in (Row([statement], "title"), *(Row(_check_cells(check)) for check in alike))
    ]
    return Table(("where", "here", "numbers"), rows)


def _check_cells(check: Check) -> list[Cell | str]:
    holds = {True: Cell("holds", tone="better"), False: Cell("does not hold", tone="worse")}
    where = ", ".join(word for word in (check.scope, check.sampling) if word) or "source learning"
    numbers = "; ".join(f"{name}: {decimal(value)}" for name, value in check.numbers.items())
    return [where, Cell("not looked at") if check.holds is None else holds[check.holds], numbers]


def published_table(rows: Sequence[PublishedResult]) -> Table:
    """Return results that others published.

    Args:
        rows: of the paper's Table 2.
    """
    head = ("model", "CCC valence", "arousal", "mean", "tested on", "note")
    cells = [
        (one.model, decimal(one.valence, 2), decimal(one.arousal, 2), decimal(one.average), one.measured_on, one.note)
        for one in rows
    ]
    return Table(head, cells)


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
    budgets = dict.fromkeys((line.share, line.count) for line in sorted(lines, key=lambda line: line.labels))
    unadapted = [line for line in lines if not line.labels]
    return [
        _strategy_grid(_budget_words(share, count), lines_of(lines, share, count), unadapted)
        for share, count in budgets
        if lines_of(lines, share, count) != unadapted
    ]


def lines_of(lines: Iterable[AggregateRow], share: float | None, count: int | None) -> list[AggregateRow]:
    """Return the lines with one amount of labels."""
    return [line for line in lines if (line.share, line.count) == (share, count)]


def _budget_words(share: float | None, count: int | None) -> str:
    if share is not None:
        return f"{percent(share)} of each person's labels"
    return "1 label of each person" if count == 1 else f"{count} labels of each person"


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
    titles = [*names, "not adapted", MODEL_NAMES[OWN_MEAN]]
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


def comparison_grid(
    summary: Summary, setting: Setting, shares: Sequence[float], rows: Sequence[ComparisonRow]
) -> Table:
    """Return s-PEN without labels and with the fewest beside other methods, all measured on this data.

    Args:
        summary: all lines.
        setting: sampling and scope of s-PEN.
        shares: of the labels.
        rows: other methods.
    """
    head = ["", "trained on, tested on", "valence", "arousal", "mean", "RMSE", "seconds", "note"]
    ours = [(share, summary.find(*setting, "s-PEN", share)) for share in shares[:2]]
    lines = [Row([f"s-PEN, {percent(share)}", setting.words, *_line_texts(line)]) for share, line in ours if line]
    lines += [Row([row.name, row.design, *_comparison_texts(row)]) for row in rows]
    return Table(head, lines, "Measured here, on this data: CCC of valence and arousal over pooled rows")


def _line_texts(line: AggregateRow) -> list[str]:
    seconds = None if line.milliseconds.mean is None else line.milliseconds.mean / 1e3
    values = [line.pooled[name] for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse")]
    return [*(spread_text(value) for value in values), decimal(seconds, 1), ""]


def _comparison_texts(row: ComparisonRow) -> list[str]:
    values = (getattr(row.agreement, name) for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse"))
    return [*(decimal(value, DIGITS) for value in values), decimal(row.seconds, 1), row.note]
