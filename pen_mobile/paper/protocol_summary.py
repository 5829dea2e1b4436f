"""Tables, paired differences and statements of one protocol."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.contract.strategy import Strategy
from pen_mobile.paper.aggregates import AggregateRow, aggregate_rows
from pen_mobile.paper.differences import Difference, model_differences, strategy_differences
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling, Study
from pen_mobile.paper.protocol_result import Model, ProtocolResult
from pen_mobile.paper.statements import Statement, statements


@dataclass(frozen=True)
class Summary:
    """Tables, differences and statements of one protocol.

    Attributes:
        lines: every model with every amount of labels, over all seeds.
        differences: paired by seed and person.
        statements: of the paper.
    """

    lines: list[AggregateRow]
    differences: list[Difference]
    statements: list[Statement]

    def find(
        self,
        sampling: Sampling,
        scope: AdaptationScope,
        model: Model,
        share: float | None,
        *,
        study: Study = "models",
        strategy: str = Strategy.GRADIENT.value,
        count: int | None = None,
    ) -> AggregateRow | None:
        """Return one line of a table, or None when there is none."""
        wanted = (sampling, scope, study, model, strategy, share, count)
        for line in self.lines:
            found = (line.sampling, line.scope, line.study, line.model, line.strategy, line.share, line.count)
            if found == wanted:
                return line
        return None


def summarize(result: ProtocolResult) -> Summary:
    """Compute every table from the cells.

    Args:
        result: the protocol.
    """
    differences: list[Difference] = []
    for sampling in result.plan.samplings:
        for scope in result.plan.scopes:
            differences += model_differences(list(result.select(sampling, scope)), result.plan.shares)
        differences += strategy_differences(list(result.select(sampling, "person", "strategies")))
    return Summary(list(aggregate_rows(result.cells)), differences, statements(result))
