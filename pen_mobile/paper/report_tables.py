"""Tables of the protocol's page: numbers as people read them, the best of each column marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pen_mobile.paper.aggregates import MeanStd
from pen_mobile.paper.differences import PAIRS, Difference
from pen_mobile.paper.protocol_figures import Over
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN, Model
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.targets import DEFAULT_TARGETS
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
    return {
        "random": "rows drawn at random",
        "blocks": "whole blocks of time",
        "first": "the first rows of each recording",
        "recent": "the latest rows before the tested ones",
    }[sampling]


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
        blocks = (_block(summary, setting, shares, measure, name, over) for name in DEFAULT_TARGETS)
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
        if (one.sampling, one.scope, one.study) == (*setting, "models")
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
                Row(["mean of people", *(difference_cell(one) for one in columns)]),
            )
        ]
        if rows:
            caption = f"Differences of {measure.upper()}; {side} 0 the first model is better"
            tables.append(Table(["n", *map(percent, shares)], rows, caption))
    return tables


def difference_cell(one: Difference | None) -> Cell:
    """Return a mean with its interval; bold when the interval leaves out 0.

    Args:
        one: difference, or None where there is none.
    """
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
