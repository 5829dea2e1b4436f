"""Which way to adapt wins with how few labels: one person at a time, one strategy at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import FeatureTable
from pen_mobile.models.prior import Prior
from pen_mobile.paper.model_study import source_heads, step_count
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import UNADAPTED, Cell, Model
from pen_mobile.paper.target_evaluation import Heads, Target, Tested, label_counts
from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.run_folder import Run
from pen_mobile.training.strategies import adapt_with
from pen_mobile.training.strategies.prior import PersonLabels, adapt_people
from pen_mobile.types import Rows

_PRIORS_MODEL: Model = "s-PEN"
_MOST_LABELS = 1000
"""Nobody labels more moments of themselves; larger shares are left out of the comparison."""


def run_strategy_study(
    table: FeatureTable,
    plan: ProtocolPlan,
    key: CellKey,
    run: Run,
    device: torch.device | str = "cpu",
    models: tuple[Model, ...] = ("s-SN", _PRIORS_MODEL),
) -> Cell:
    """Adapt s-SN and s-PEN to each person with every strategy, every share and every number of labels.

    Args:
        table: target people with features.
        plan: settings; strategies that take gradient steps use those of Eq. 8.
        key: which cell; its study is ``strategies`` and its scope ``person``.
        run: source learning with the same seed.
        device: where heads adapt and are tested.
        models: those to adapt.
    """
    started = time.perf_counter()
    target = Target.split(table, plan, key.sampling, key.seed, device)
    source = {name: head.to(device) for name, head in source_heads(run).items() if name in models}
    settings = plan.adaptation_settings(key.seed, run.feature_scaling())
    prior = run.prior() if Strategy.PRIOR in plan.strategies else None
    study = _StrategyStudy(target, plan, settings, source, prior)
    evaluations = [evaluation for evaluation, _ in study.tested()]
    return Cell(*key, evaluations, left_out=target.left_out, notes=target.notes, seconds=time.perf_counter() - started)


@dataclass(frozen=True)
class _Budget:
    """How many labels each person gives: a share, or a number."""

    share: float | None
    count: int | None
    rows: dict[str, Rows]

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of an evaluation that say how many labels there were."""
        return {"share": self.share, "count": self.count, **label_counts(self.rows)}


@dataclass(frozen=True, eq=False)
class _StrategyStudy:
    """The strategies of one cell, and what they start from."""

    target: Target
    plan: ProtocolPlan
    settings: AdaptationSettings
    source: dict[Model, Tensor]
    prior: Prior | None

    def tested(self) -> Iterator[Tested]:
        """Yield the unadapted models, then everything for each amount of labels that an owner could give."""
        for model, head in self.source.items():
            yield self.target.evaluate(self.target.everybody(head), model, share=0.0, strategy=UNADAPTED)
        for budget in self._budgets():
            yield self.target.own_mean(budget.rows, budget.share, budget.count)
            for strategy in self.plan.strategies:
                if strategy == Strategy.PRIOR:
                    yield self._adapted_by_prior(budget)
                    continue
                for model in self.source:
                    yield self._adapted(model, strategy, budget)

    def _budgets(self) -> Iterator[_Budget]:
        for share in self.plan.adapting_shares:
            rows = self.target.share(share)
            if max(map(len, rows.values())) <= _MOST_LABELS:
                yield _Budget(share, None, rows)
        for count in self.plan.counts:
            if count <= self.target.largest_pool:
                yield _Budget(None, count, self.target.first(count))

    def _adapted_by_prior(self, budget: _Budget) -> Tested:
        """Adapt everybody at once, as phones do: with the guard, and s-PEN only, which the prior was learned for."""
        assert self.prior is not None
        head = self.source[_PRIORS_MODEL]
        features, affect = self.target.features.cpu(), self.target.affect.cpu()
        labels = [
            PersonLabels(features[rows], affect[rows], torch.from_numpy(self.target.time_s[rows]))
            for rows in budget.rows.values()
        ]
        started = time.perf_counter()
        adapted = adapt_people(self.prior, head.cpu(), labels).heads.to(head)
        return self.target.evaluate(
            dict(zip(budget.rows, adapted, strict=True)),
            _PRIORS_MODEL,
            **budget.facts,
            steps=0,
            seconds=(time.perf_counter() - started) / len(labels),
            strategy=Strategy.PRIOR.value,
        )

    def _adapted(self, model: Model, strategy: Strategy, budget: _Budget) -> Tested:
        settings, head = self.settings, self.source[model]
        heads: Heads = {}
        seconds = []
        for name, rows in budget.rows.items():
            mine = torch.from_numpy(rows).to(head.device)
            z, affect = self.target.features[mine], self.target.affect[mine]
            started = time.perf_counter()
            heads[name] = adapt_with(strategy, head, z, affect, settings)
            seconds.append(time.perf_counter() - started)
        return self.target.evaluate(
            heads,
            model,
            **budget.facts,
            steps=max(step_count(settings, len(rows)) for rows in budget.rows.values()),
            seconds=float(np.median(seconds)),
            strategy=strategy.value,
        )
