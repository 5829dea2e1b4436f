"""Tables of the protocol's page: numbers as people read them, the best of each column marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pen_mobile.data.statistics import DIMENSIONS
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.protocol_figures import Over
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN, Model
from pen_mobile.paper.protocol_summary import PAIRS, AggregateRow, Difference, MeanStd, Summary
from pen_mobile.reports.html import DASH, number

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


class Entry(NamedTuple):
    """One number, with another one in small type below."""

    text: str
    bold: bool = False
    small: str = ""


class Row(NamedTuple):
    """A line of a table; a reference is no contestant, such as a baseline."""

    name: str
    entries: Sequence[Entry]
    reference: bool = False


class Block(NamedTuple):
    """Lines that belong together, under a title."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        caption: what is in it.
        head: titles of all columns.
        blocks: its lines.
        groups: titles above several columns of numbers, with how many they span.
    """

    caption: str
    head: Sequence[str]
    blocks: Sequence[Block]
    groups: Sequence[tuple[str, int]] = ()


def table_1_grids(summary: Summary, setting: Setting, shares: Sequence[float]) -> list[Grid]:
    """Return Table 1: CCC over pooled rows, RMSE over pooled rows, and the mean of single people's CCC."""
    wanted: tuple[tuple[str, Over, str], ...] = (
        ("ccc", "pooled", "CCC over the test rows of all people together; higher is better"),
        ("rmse", "pooled", "RMSE over the test rows of all people together; lower is better"),
        ("ccc", "person", "Mean over people of the CCC of each; higher is better"),
    )
    head = ["n", *map(percent, shares)]
    return [
        Grid(caption, head, [_model_block(summary, setting, shares, measure, name, over) for name in DIMENSIONS])
        for measure, over, caption in wanted
    ]


def _model_block(
    summary: Summary, setting: Setting, shares: Sequence[float], measure: str, dimension: str, over: Over
) -> Block:
    def value(model: Model, share: float) -> MeanStd | None:
        line = summary.find(*setting, model, share)
        return None if line is None else getattr(line, over)[f"{measure}_{dimension}"]

    models = (*MODELS, OWN_MEAN)
    contest = [model != OWN_MEAN for model in models]
    columns = [marked([value(model, share) for model in models], contest, larger=measure == "ccc") for share in shares]
    rows = zip(models, zip(*columns, strict=True), strict=True)
    return Block(dimension, [Row(MODEL_NAMES[model], entries, model == OWN_MEAN) for model, entries in rows])


def marked(
    values: Sequence[MeanStd | None], contest: Sequence[bool], *, larger: bool, digits: int = DIGITS
) -> list[Entry]:
    """Return entries of one column; bold is the best contestant, and what is no contestant but no worse than it.

    Numbers that look the same are equally good.
    """
    sign = 1 if larger else -1
    means = [None if value is None or value.mean is None else sign * round(value.mean, digits) for value in values]
    best = max((mean for mean, runs in zip(means, contest, strict=True) if runs and mean is not None), default=None)
    bold = [mean is not None and best is not None and mean >= best for mean in means]
    return [Entry(spread_text(value, digits), strong) for value, strong in zip(values, bold, strict=True)]


def spread_text(value: MeanStd | None, digits: int = DIGITS) -> str:
    """Return a mean, with its deviation over seeds where there are several."""
    if value is None or value.mean is None:
        return DASH
    mean = number(value.mean, digits)
    return mean if value.std is None else f"{mean} ± {number(value.std, digits)}"


def percent(share: float) -> str:
    """Return a share as the paper's n."""
    return f"{round(100 * share, 6):g} %"


def difference_grids(summary: Summary, setting: Setting, shares: Sequence[float]) -> list[Grid]:
    """Return paired differences of CCC and of RMSE; empty when no two models are there."""
    found = {
        (one.measure, one.model, one.other, one.share): one
        for one in summary.differences
        if (one.sampling, one.scope) == setting
    }
    grids = []
    for measure, side in (("ccc", "above"), ("rmse", "below")):
        blocks = [
            Block(f"{model} \N{MINUS SIGN} {MODEL_NAMES[other]}", _difference_rows(columns))
            for model, other in PAIRS
            if any(columns := [found.get((measure, model, other, share)) for share in shares])
        ]
        if blocks:
            caption = f"Differences of {measure.upper()}; {side} 0 the first model is better"
            grids.append(Grid(caption, ["n", *map(percent, shares)], blocks))
    return grids


def _difference_rows(columns: Sequence[Difference | None]) -> list[Row]:
    pooled = [Entry(_signed_spread(one.pooled)) if one else Entry(DASH) for one in columns]
    return [Row("pooled rows", pooled), Row("mean of people", [_person_entry(one) for one in columns])]


def _person_entry(one: Difference | None) -> Entry:
    """Return a mean with its interval; bold when the interval leaves out 0."""
    if one is None or one.person is None:
        return Entry(DASH)
    if one.low is None or one.high is None:
        return Entry(signed(one.person))
    interval = f"{signed(one.low)} to {signed(one.high)}"
    return Entry(signed(one.person), one.low > 0 or one.high < 0, interval)


def _signed_spread(value: MeanStd) -> str:
    if value.mean is None:
        return DASH
    return signed(value.mean) + ("" if value.std is None else f" ± {number(value.std, DIGITS)}")


def signed(value: float) -> str:
    """Return a number that always shows its sign, unless it is shown as zero."""
    text = number(value, DIGITS)
    return f"+{text}" if round(value, DIGITS) > 0 else text


Column = tuple[str, Callable[[AggregateRow], MeanStd], bool, int]

_STRATEGY_COLUMNS: tuple[Column, ...] = (
    ("CCC, people", lambda line: line.person["ccc"], True, DIGITS),
    ("CCC, pooled", lambda line: line.pooled["ccc"], True, DIGITS),
    ("RMSE", lambda line: line.pooled["rmse"], False, DIGITS),
    ("ms", lambda line: line.milliseconds, False, 1),
)
"""Title, number, whether more is better, digits."""


def strategy_grids(lines: Sequence[AggregateRow]) -> list[Grid]:
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


def _strategy_grid(caption: str, lines: Sequence[AggregateRow], unadapted: Sequence[AggregateRow]) -> Grid:
    """Return the table of one amount of labels, with not adapting and the own mean as references."""
    models = [model for model in MODELS if any(line.model == model for line in lines)]
    names = list(dict.fromkeys(line.strategy for line in lines if line.model != OWN_MEAN))
    own_mean = next((line for line in lines if line.model == OWN_MEAN), None)
    columns = [
        entries
        for model in models
        for entries in _strategy_columns(
            [
                *(_first(lines, model, name) for name in names),
                next((line for line in unadapted if line.model == model), None),
                own_mean,
            ]
        )
    ]
    titles = [*names, "not adapted", MODEL_NAMES[OWN_MEAN]]
    rows = [
        Row(title, entries, place >= len(names))
        for place, (title, entries) in enumerate(zip(titles, zip(*columns, strict=True), strict=True))
        if any(entry.text != DASH for entry in entries)
    ]
    head = ["", *(column[0] for _ in models for column in _STRATEGY_COLUMNS)]
    return Grid(caption, head, [Block("", rows)], [(model, len(_STRATEGY_COLUMNS)) for model in models])


def _first(lines: Iterable[AggregateRow], model: Model, strategy: str) -> AggregateRow | None:
    return next((line for line in lines if (line.model, line.strategy) == (model, strategy)), None)


def _strategy_columns(lines: Sequence[AggregateRow | None]) -> Iterator[list[Entry]]:
    """Yield the columns of one model; the last two lines are references, which take no time."""
    contest = [place < len(lines) - 2 for place in range(len(lines))]
    for title, measure, larger, digits in _STRATEGY_COLUMNS:
        timed = [line if runs or title != "ms" else None for line, runs in zip(lines, contest, strict=True)]
        values = [None if line is None else measure(line) for line in timed]
        yield marked(values, contest, larger=larger, digits=digits)


def comparison_grid(summary: Summary, setting: Setting, shares: Sequence[float], rows: Sequence[ComparisonRow]) -> Grid:
    """Return s-PEN without labels and with the fewest beside other methods, all measured on this data."""
    head = ["", "learned from, tested on", "valence", "arousal", "mean", "RMSE", "seconds", "note"]
    ours = [(share, summary.find(*setting, "s-PEN", share)) for share in shares[:2]]
    lines = [
        Row(f"s-PEN, {percent(share)}", [Entry(setting.words), *_line_entries(line)]) for share, line in ours if line
    ]
    lines += [Row(row.name, [Entry(row.design), *_comparison_entries(row)]) for row in rows]
    return Grid("Measured here, on this data: CCC of valence and arousal over pooled rows", head, [Block("", lines)])


def _line_entries(line: AggregateRow) -> list[Entry]:
    seconds = None if line.milliseconds.mean is None else line.milliseconds.mean / 1e3
    values = [line.pooled[name] for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse")]
    return [*(Entry(spread_text(value)) for value in values), Entry(number(seconds, 1)), Entry("")]


def _comparison_entries(row: ComparisonRow) -> list[Entry]:
    values = (getattr(row.agreement, name) for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse"))
    return [*(Entry(number(value, DIGITS)) for value in values), Entry(number(row.seconds, 1)), Entry(row.note)]
