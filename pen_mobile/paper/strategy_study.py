"""Which way to adapt wins with how few labels: one person at a time, one strategy at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pen_mobile.data.table import FeatureTable
from pen_mobile.paper.cell import CellKey, adaptation_settings, source_heads, step_count
from pen_mobile.paper.plan import ProtocolPlan
from pen_mobile.paper.results import UNADAPTED, Cell, Model
from pen_mobile.paper.target_evaluation import Heads, Target, Trial
from pen_mobile.training.run_folder import Run
from pen_mobile.training.strategies import adapt_with
from pen_mobile.types import Rows

_MOST_LABELS = 1000
"""Nobody labels more moments of themselves; larger shares are left out of the comparison."""


def run_strategy_cell(
    table: FeatureTable, plan: ProtocolPlan, key: CellKey, run: Run, device: torch.device | str = "cpu"
) -> Cell:
    """Adapt s-SN and s-PEN to each person with every strategy, every share and every number of labels.

    Args:
        table: target people with features.
        plan: settings; strategies that take gradient steps use those of Eq. 8.
        key: which cell; its study is ``strategies`` and its pooling ``person``.
        run: source learning with the same seed.
        device: where heads adapt and are tested.
    """
    started = time.perf_counter()
    target = Target.split(table, key.sampling, key.seed, device)
    source = {name: head.to(device) for name, head in source_heads(run).items()}
    outcomes = [target.outcome(trial) for trial in _StrategyStudy(target, plan, key, source).trials()]
    seconds = time.perf_counter() - started
    return Cell(key.seed, key.sampling, key.pooling, key.study, outcomes, left_out=target.left_out, seconds=seconds)


@dataclass(frozen=True)
class _Budget:
    """How many labels each person gives: a share, or a number."""

    share: float | None
    count: int | None
    rows: dict[str, Rows]

    @property
    def labels(self) -> int:
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True, eq=False)
class _StrategyStudy:
    """The strategies of one cell, and what they start from."""

    target: Target
    plan: ProtocolPlan
    key: CellKey
    source: dict[Model, Tensor]

    def trials(self) -> Iterator[Trial]:
        """Yield the unadapted models, then everything for each amount of labels that an owner could give."""
        for model, head in self.source.items():
            answer = self.target.test(self.target.everybody(head))
            yield Trial(model, 0.0, None, 0, 0, 0.0, answer, UNADAPTED)
        for budget in self._budgets():
            yield self.target.own_mean(budget.rows, budget.share, budget.count)
            for strategy in self.plan.strategies:
                for model in self.source:
                    yield self._trial(model, strategy, budget)

    def _budgets(self) -> Iterator[_Budget]:
        for share in self.plan.adapting_shares:
            rows = self.target.share(share)
            if max(map(len, rows.values())) <= _MOST_LABELS:
                yield _Budget(share, None, rows)
        for count in self.plan.counts:
            if count <= self.target.largest_pool:
                yield _Budget(None, count, self.target.first(count))

    def _trial(self, model: Model, strategy: str, budget: _Budget) -> Trial:
        settings = adaptation_settings(self.plan, self.key.seed)
        head = self.source[model]
        heads: Heads = {}
        seconds = []
        for name, rows in budget.rows.items():
            mine = torch.from_numpy(rows).to(head.device)
            z, affect = self.target.features[mine], self.target.affect[mine]
            started = time.perf_counter()
            heads[name] = adapt_with(strategy, head, z, affect, settings)
            seconds.append(time.perf_counter() - started)
        steps = max(step_count(settings, len(rows)) for rows in budget.rows.values())
        answer = self.target.test(heads)
        return Trial(
            model, budget.share, budget.count, budget.labels, steps, float(np.median(seconds)), answer, strategy
        )
