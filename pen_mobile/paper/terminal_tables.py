"""The protocol's results as lines and tables for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from pen_mobile.paper.comparators.published import TABLE_2
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.paper_tables import (
    comparison_grid,
    learning_table,
    published_table_2,
    source_table,
    statement_table,
)
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import ProtocolResult
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_tables import Setting, table_1_grids
from pen_mobile.paper.strategy_tables import winners_table
from pen_mobile.utils.table import Part

_SAMPLINGS: dict[Sampling, str] = {
    "random": "rows drawn at random, as in the paper",
    "blocks": "whole blocks of time, so that no tested moment has a neighbour that adapted",
    "first": "the first rows of each recording, as after installing an app",
    "recent": "the latest rows before the tested ones",
}
_SCOPES: dict[AdaptationScope, str] = {
    "pooled": "one head adapted to all target people together, as in the paper",
    "person": "one head adapted to each person, as on a phone",
}


def as_parts(result: ProtocolResult, summary: Summary, comparisons: list[ComparisonRow]) -> Iterator[Part]:
    """Yield what a terminal has room for: all tables in the first setting, and all statements.

    Args:
        result: the protocol.
        summary: of it.
        comparisons: the designs of Table 2.
    """
    plan = result.plan
    setting = Setting(plan.samplings[0], plan.scopes[0])
    if plan.cross_validate:
        yield f"cross-validated: lambda_0 = {plan.lambda_0:g}, lambda_1 = {plan.lambda_1:g}"
    sources = source_table(result.sources)
    yield from (sources.caption, sources)
    learning = learning_table(result, summary)
    if learning.rows:
        yield from ("ways to learn from source people: CCC over rows of all people together", learning)
    yield f"Table 1: {_SCOPES[setting.scope]}; {_SAMPLINGS[setting.sampling]}"
    for table in table_1_grids(summary, setting, plan.shares):
        yield from (table.caption, table)
    if comparisons:
        yield f"Table 2: {_SAMPLINGS[setting.sampling]}"
        yield comparison_grid(summary, setting, plan.shares, comparisons)
        yield "published, of RECOLA, real people: nothing of this was measured here"
        yield published_table_2(TABLE_2)
    if plan.strategies:
        yield f"which strategy errs least, one person at a time; {_SAMPLINGS[setting.sampling]}"
        yield winners_table(summary, setting.sampling)
    yield "statements of the paper"
    yield statement_table(summary.statements)
    yield "not in the paper"
    yield statement_table(summary.statements, ours=True)
    yield from dict.fromkeys(note for cell in result.cells for note in cell.notes)
    for reason in {
        (cell.sampling, name): text for cell in result.cells for name, text in cell.left_out.items()
    }.values():
        yield f"left out: {reason}"
