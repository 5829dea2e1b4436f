"""One seed, one sampling, one pooling: adapt every model with every share of labels, and test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pen_mobile.data.table import FeatureTable
from pen_mobile.models.heads import ExpertHead, SharedHead
from pen_mobile.paper.plan import ProtocolPlan
from pen_mobile.paper.results import Cell, Model, Pooling, Predictions, Sampling, Study
from pen_mobile.paper.target_evaluation import Heads, Target, Trial
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_together
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Rows


class CellKey(NamedTuple):
    """Which cell."""

    seed: int
    sampling: Sampling
    pooling: Pooling
    study: Study

    def __str__(self) -> str:
        return f"seed-{self.seed}-{self.sampling}-{self.pooling}-{self.study}"


def adaptation_settings(plan: ProtocolPlan, seed: int) -> AdaptationSettings:
    """Return how every head of one seed adapts."""
    return AdaptationSettings(
        optimizer=plan.optimizer,
        learning_rate=plan.learning_rate,
        lambda_1=plan.lambda_1,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        steps=plan.steps,
        seed=seed,
    )


def step_count(settings: AdaptationSettings, labels: int) -> int:
    """Return how many optimizer steps an adaptation to so many labels takes."""
    return settings.steps or settings.epochs * -(-labels // settings.batch_size)


def source_heads(run: Run) -> dict[Model, Tensor]:
    """Return the heads of s-SN and s-PEN, packed; the shared head is a mixture of one."""
    return {"s-SN": _mixture_of_one(run.shared_head()), "s-PEN": run.expert_head().head_parameters.detach()}


def random_head(like: Tensor, seed: int) -> Tensor:
    """Return a head of the same shape with random weights: t-SN or t-PEN before it learns."""
    rows, columns = like.shape
    head = ExpertHead(columns - 1, rows // 3)
    head.reset_parameters(torch.Generator().manual_seed(seed))
    return head.head_parameters.detach()


@torch.no_grad()
def _mixture_of_one(shared: SharedHead) -> Tensor:
    gate = torch.nn.Linear(shared.in_features, 1)
    torch.nn.init.zeros_(gate.weight)
    torch.nn.init.zeros_(gate.bias)  # a softmax over one expert is 1 whatever the gate says
    return ExpertHead.from_layers(gate, [shared]).head_parameters.detach()


def run_cell(
    table: FeatureTable,
    plan: ProtocolPlan,
    key: CellKey,
    run: Run,
    device: torch.device | str = "cpu",
) -> tuple[Cell, Predictions]:
    """Adapt and test s-SN, s-PEN, t-SN, t-PEN and the own-mean baseline with every share.

    Args:
        table: target people with features.
        plan: settings.
        key: which cell; its study is ``models``.
        run: source learning with the same seed.
        device: where heads adapt and are tested.
    """
    started = time.perf_counter()
    target = Target.split(table, key.sampling, key.seed, device)
    study = _ModelStudy(target, plan, key, {name: head.to(device) for name, head in source_heads(run).items()})
    tests = list(study.tests())
    seconds = time.perf_counter() - started
    cell = Cell(
        key.seed,
        key.sampling,
        key.pooling,
        key.study,
        outcomes=[target.outcome(test) for test in tests],
        gate_before=target.test(target.everybody(study.source["s-PEN"])).gate,
        gate_after=next(test.answer.gate for test in reversed(tests) if test.model == "s-PEN"),
        left_out=target.left_out,
        seconds=seconds,
    )
    return cell, target.predictions(tests)


@dataclass(frozen=True, eq=False)
class _ModelStudy:
    """The four models and the baseline of one cell.

    Attributes:
        source: packed heads of s-SN and s-PEN.
    """

    target: Target
    plan: ProtocolPlan
    key: CellKey
    source: dict[Model, Tensor]

    def tests(self) -> Iterator[Trial]:
        """Yield every test, from the smallest share to the largest."""
        for share in self.plan.shares:
            if share == 0:
                yield from self._unadapted()
            else:
                yield from self._adapted("s-SN", "t-SN", share)
                yield from self._adapted("s-PEN", "t-PEN", share)
                yield self.target.own_mean(self.target.share(share), share)

    def _unadapted(self) -> Iterator[Trial]:
        for model, head in self.source.items():
            yield Trial(model, 0.0, None, 0, 0, 0.0, self.target.test(self.target.everybody(head)))

    def _adapted(self, source: Model, fresh: Model, share: float) -> Iterator[Trial]:
        """Adapt a source model and its twin with random weights to the same rows, in the same batches."""
        rows = self.target.share(share)
        groups = self._groups(rows)
        settings = adaptation_settings(self.plan, self.key.seed)
        starts = (self.source[source], random_head(self.source[source], self.key.seed))
        started = time.perf_counter()
        adapted = adapt_together(
            torch.cat([head.expand(len(groups), -1, -1) for head in starts]),
            self.target.features,
            self.target.affect,
            [group for _ in starts for group in groups],
            settings,
            device=self.target.features.device,
        )
        seconds = time.perf_counter() - started
        labels, steps = sum(map(len, groups)), max(step_count(settings, len(group)) for group in groups)
        for model, heads in zip((source, fresh), adapted.chunk(2), strict=True):
            yield Trial(model, share, None, labels, steps, seconds, self.target.test(self._owners(heads)))

    def _groups(self, rows: dict[str, Rows]) -> list[Tensor]:
        """Return the sets of rows that one head adapts to: everybody's, or each person's."""
        groups = [torch.from_numpy(mine) for mine in rows.values()]
        return [torch.cat(groups)] if self.key.pooling == "pooled" else groups

    def _owners(self, heads: Tensor) -> Heads:
        """Say which head answers for whom, for heads in the order of :meth:`_groups`."""
        people = self.target.splits
        return dict(zip(people, heads if len(heads) > 1 else heads.expand(len(people), -1, -1), strict=True))
