"""One seed, one sampling, one adaptation scope: adapt every model with every share of labels, and test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pen_mobile.data.table import FeatureTable
from pen_mobile.models.heads import ExpertHead
from pen_mobile.paper.predictions import Predictions
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, Model
from pen_mobile.paper.target_evaluation import Heads, Target, Tested, label_counts
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Rows


def step_count(settings: AdaptationSettings, labels: int) -> int:
    """Return how many optimizer steps an adaptation to so many labels takes."""
    return settings.steps or settings.epochs * -(-labels // settings.batch_size)


def source_heads(run: Run) -> dict[Model, Tensor]:
    """Return the head parameters of s-SN and s-PEN; the shared head is a mixture of one."""
    heads: dict[Model, ExpertHead] = {"s-SN": run.shared_mixture(), "s-PEN": run.expert_head()}
    return {name: head.head_parameters.detach() for name, head in heads.items()}


def random_head(like: Tensor, seed: int) -> Tensor:
    """Return a head of the same shape with random weights: t-SN or t-PEN before it learns."""
    rows, columns = like.shape
    head = ExpertHead(columns - 1, rows // 3)
    head.reset_parameters(torch.Generator().manual_seed(seed))
    return head.head_parameters.detach()


def run_model_study(
    table: FeatureTable, plan: ProtocolPlan, key: CellKey, run: Run, device: torch.device | str = "cpu"
) -> tuple[Cell, Predictions]:
    """Adapt and test s-SN, s-PEN, t-SN, t-PEN and the own-mean baseline with every share.

    Args:
        table: target people with features.
        plan: settings.
        key: which cell; its study is ``models``.
        run: source learning with the same seed.
        device: where heads adapt and are tested.

    Returns:
        The cell, and the estimates of all models for its test rows.
    """
    started = time.perf_counter()
    target = Target.split(table, plan, key.sampling, key.seed, device)
    source = {name: head.to(device) for name, head in source_heads(run).items()}
    study = _ModelStudy(target, plan, plan.adaptation_settings(key.seed, run.feature_scaling()), key, source)
    tested = list(study.tested())
    cell = Cell(
        *key,
        evaluations=[evaluation for evaluation, _ in tested],
        gate_before=target.test(target.everybody(study.source["s-PEN"])).gate,
        gate_after=next(answer.gate for one, answer in reversed(tested) if one.model == "s-PEN"),
        left_out=target.left_out,
        notes=target.notes,
        seconds=time.perf_counter() - started,
    )
    return cell, target.predictions(tested)


@dataclass(frozen=True, eq=False)
class _ModelStudy:
    """The four models and the baseline of one cell.

    Attributes:
        source: head parameters of s-SN and s-PEN.
    """

    target: Target
    plan: ProtocolPlan
    settings: AdaptationSettings
    key: CellKey
    source: dict[Model, Tensor]

    def tested(self) -> Iterator[Tested]:
        """Yield every model, from the smallest share to the largest."""
        for share in self.plan.shares:
            if share == 0:
                for model, head in self.source.items():
                    yield self.target.evaluate(self.target.everybody(head), model, share=0.0)
            else:
                yield from self._adapted("s-SN", "t-SN", share)
                yield from self._adapted("s-PEN", "t-PEN", share)
                yield self.target.own_mean(self.target.share(share), share)

    def _adapted(self, source: Model, fresh: Model, share: float) -> Iterator[Tested]:
        """Adapt a source model and its twin with random weights to the same rows, in the same batches."""
        groups = self._groups(self.target.share(share))
        settings = self.settings
        starts = (self.source[source], random_head(self.source[source], self.key.seed))
        started = time.perf_counter()
        adapted = adapt_batched(
            torch.cat([head.expand(len(groups), -1, -1) for head in starts]),
            self.target.features,
            self.target.affect,
            [group for _ in starts for group in groups],
            settings,
            device=self.target.features.device,
        )
        facts = {
            "share": share,
            "seconds": time.perf_counter() - started,
            **label_counts(self.target.share(share)),
            "steps": max(step_count(settings, len(group)) for group in groups),
        }
        for model, heads in zip((source, fresh), adapted.chunk(2), strict=True):
            yield self.target.evaluate(self._heads_of_people(heads), model, **facts)

    def _groups(self, rows: dict[str, Rows]) -> list[Tensor]:
        """Return the sets of rows that one head adapts to: everybody's, or each person's."""
        groups = [torch.from_numpy(mine) for mine in rows.values()]
        return [torch.cat(groups)] if self.key.scope == "pooled" else groups

    def _heads_of_people(self, heads: Tensor) -> Heads:
        """Return the head of each person, for heads in the order of :meth:`_groups`."""
        people = self.target.splits
        return dict(zip(people, heads if len(heads) > 1 else heads.expand(len(people), -1, -1), strict=True))
