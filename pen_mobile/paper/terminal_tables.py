"""The protocol's results as lines and tables for people at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pen_mobile.paper.comparators.published import TABLE_2
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import MODELS, OWN_MEAN, UNADAPTED, Model, ProtocolResult
from pen_mobile.paper.protocol_summary import AggregateRow, Check, MeanStd, Summary
from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import decimal

_SAMPLINGS: dict[Sampling, str] = {
    "random": "rows drawn at random, as in the paper",
    "blocks": "whole blocks of time, so that no tested moment has a neighbour that adapted",
}
_POOLINGS: dict[AdaptationScope, str] = {
    "pooled": "one head adapted to all target people together, as in the paper",
    "person": "one head adapted to each person, as on a phone",
}
_COMPARATORS: dict[Model, str] = {
    "GRU": "End2You's design: GRU over features",
    "SVR": "AVEC 2016's design: linear SVR",
}


def as_parts(result: ProtocolResult, summary: Summary) -> Iterator[Part]:
    """Yield what a terminal has room for: both tables and strategies in the first setting, and all checks."""
    sampling: Sampling = result.plan.samplings[0]
    scope: AdaptationScope = result.plan.scopes[0]
    if result.plan.cross_validate:
        yield f"cross-validated: lambda_0 = {result.plan.lambda_0:g}, lambda_1 = {result.plan.lambda_1:g}"
    yield f"Table 1: {_POOLINGS[scope]}; {_SAMPLINGS[sampling]}"
    yield table_1(result, summary, sampling, scope)
    if result.plan.comparators:
        yield f"Table 2, pooled over target people; {_SAMPLINGS[sampling]}"
        yield table_2(result, summary)
    if result.plan.strategies:
        yield f"which way to adapt wins, one person at a time; {_SAMPLINGS[sampling]}"
        yield strategy_table(summary, sampling)
    if summary.checks:
        yield Table(("statement", "sampling", "scope", "here"), [_check_cells(check) for check in summary.checks])
    yield from _left_out(result)


def table_1(result: ProtocolResult, summary: Summary, sampling: Sampling, scope: AdaptationScope) -> Table:
    """Return Table 1 with the own-mean baseline, and below it RMSE and the mean CCC of single people."""
    shares: Sequence[float] = result.plan.shares
    measures: tuple[tuple[str, Callable[[AggregateRow], MeanStd]], ...] = (
        ("CCC valence", lambda line: line.pooled["ccc_valence"]),
        ("CCC arousal", lambda line: line.pooled["ccc_arousal"]),
        ("RMSE valence", lambda line: line.pooled["rmse_valence"]),
        ("RMSE arousal", lambda line: line.pooled["rmse_arousal"]),
        ("CCC per person", lambda line: line.person["ccc"]),
    )
    rows = []
    for title, measure in measures:
        for model in (*MODELS, OWN_MEAN):
            lines = [summary.find(sampling, scope, model, share) for share in shares]
            rows.append((title, model, *(_spread(measure(line) if line else None) for line in lines)))
    return Table(("measure", "model", *(f"{share:.0%}" for share in shares)), rows)


def table_2(result: ProtocolResult, summary: Summary) -> Table:
    """Return CCC of s-PEN and of the designs learned beside it, and what others reported on other data."""
    sampling: Sampling = result.plan.samplings[0]
    rows = []
    for share in [share for share in result.plan.shares if share in (0, 0.05)]:
        line = summary.find(sampling, "pooled", "s-PEN", share)
        rows.append(("here", f"s-PEN, {share:.0%} of the labels", *_table_2_cells(line)))
    for model, name in _COMPARATORS.items():
        line = summary.find(sampling, "pooled", model, 0.0, study="comparators", strategy=UNADAPTED)
        rows.append(("here", name, *_table_2_cells(line)))
    for one in TABLE_2:
        numbers = (f"{value:.2f}" for value in (one.valence, one.arousal, one.average))
        rows.append((f"published, {one.dataset}", one.model, *numbers))
    return Table(("where", "model", "CCC valence", "CCC arousal", "mean"), rows)


def _table_2_cells(line: AggregateRow | None) -> tuple[str, ...]:
    return tuple(_spread(line.pooled[name] if line else None) for name in ("ccc_valence", "ccc_arousal", "ccc"))


def strategy_table(summary: Summary, sampling: Sampling) -> Table:
    """Return, for each amount of labels, the strategy with the best CCC and with the best RMSE, beside Eq. 8."""
    groups: dict[tuple[float, int | None, Model], list[AggregateRow]] = {}
    for line in summary.lines:
        if (line.sampling, line.study) == (sampling, "strategies") and line.share != 0 and line.model != OWN_MEAN:
            groups.setdefault((line.share or 0, line.count, line.model), []).append(line)
    head = ("labels", "model", "best CCC", "CCC", "RMSE", "ms", "best RMSE", "CCC", "RMSE", "ms")
    rows = []
    for (share, count, model), lines in groups.items():
        by_ccc = max(lines, key=lambda line: _or(line.pooled["ccc"].mean, -2))
        by_rmse = min(lines, key=lambda line: _or(line.pooled["rmse"].mean, 9))
        labels = f"{share:.0%}" if count is None else f"{count} each"
        rows.append((labels, model, *_strategy_cells(by_ccc), *_strategy_cells(by_rmse)))
    return Table(head, rows)


def _strategy_cells(line: AggregateRow) -> tuple[str, ...]:
    numbers = (_spread(line.pooled["ccc"]), _spread(line.pooled["rmse"]))
    return (line.strategy, *numbers, f"{_or(line.milliseconds.mean, 0):.1f}")


def _check_cells(check: Check) -> tuple[str, ...]:
    verdict = {True: "holds", False: "does not hold", None: "not looked at"}[check.holds]
    numbers = ", ".join(f"{name} {decimal(value)}" for name, value in check.numbers.items())
    return check.statement, check.sampling or "-", check.scope or "-", f"{verdict}: {numbers}" if numbers else verdict


def _left_out(result: ProtocolResult) -> Iterator[str]:
    reasons = {(cell.sampling, name): reason for cell in result.cells for name, reason in cell.left_out.items()}
    for reason in reasons.values():
        yield f"left out: {reason}"


def _spread(statistic: MeanStd | None) -> str:
    if statistic is None or statistic.mean is None:
        return "-"
    mean = decimal(statistic.mean)
    return mean if statistic.std is None else f"{mean} ± {decimal(statistic.std)}"


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
