"""Strategies of learning that the paper tried, on held-out rows of source people and on target people.

The shared head and the gate are those of source learning with the same seed; each strategy makes its own experts of
them. Strategies that change other layers of the backbone need a run each (``pen-mobile train --layer-strategy``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pen_mobile.data.table import FeatureTable
from pen_mobile.metrics import Agreement, agreement
from pen_mobile.paper.model_study import step_count
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import ISOLATED, JOINT, Cell, Evaluation, Model
from pen_mobile.paper.target_evaluation import Target, label_counts, predict
from pen_mobile.training.batched_adaptation import adapt_batched
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import SourceSplits, source_splits

EXPERTS: dict[str, dict[str, Any]] = {
    JOINT: {"early_stopping": "patience"},
    "joint, cap": {"early_stopping": "cap"},
    "joint, all epochs": {"early_stopping": "cap", "patience": 10**9},
    ISOLATED: {"expert_learning": "isolated"},
    "isolated, then joint": {"expert_learning": "isolated-then-joint"},
}
"""Strategies of stage 4, by the settings of LearningConfig that they change."""
TOGETHER, THEN_HEAD = "together", "together, then head"
"""Strategies of the shared head: as the backbone's stage left it, and tuned additionally."""


@dataclass(frozen=True)
class LearnedHead:
    """One model as one strategy learned it.

    Attributes:
        model: ``s-SN`` or ``s-PEN``.
        strategy: of learning.
        head_parameters: ``[n_s (1 + K), D_z + 1]``.
    """

    model: Model
    strategy: str
    head_parameters: Tensor


def run_learning_study(
    source: FeatureTable,
    target: FeatureTable,
    plan: ProtocolPlan,
    key: CellKey,
    run: Run,
    backbone_head: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> Cell:
    """Learn with every strategy, test on held-out rows of source people, then adapt and test with every share.

    Args:
        source: source people with features.
        target: target people with features.
        plan: settings.
        key: which cell; its study is ``learning``.
        run: source learning with the same seed.
        backbone_head: the head that the backbone was learned with, as a mixture of one; None for given features.
        device: where heads learn, adapt and are tested.
    """
    started = time.perf_counter()
    halves = run.config.halves(source)
    splits = source_splits(source, source.features, halves, scaling=run.feature_scaling()).to(torch.device(device))
    learned = [*_shared_heads(run, backbone_head), *_experts(splits, run)]
    people = Target.split(target, plan, key.sampling, key.seed, device)
    evaluations = [one for group in _alike(learned) for one in _tested(group, people, plan, run, key)]
    held_out = {one.strategy: _held_out(one, splits) for one in learned}
    seconds = time.perf_counter() - started
    return Cell(*key, evaluations=evaluations, held_out=held_out, left_out=people.left_out, seconds=seconds)


def _shared_heads(run: Run, backbone_head: Tensor | None) -> Iterator[LearnedHead]:
    if backbone_head is not None:
        yield LearnedHead("s-SN", TOGETHER, backbone_head)
    yield LearnedHead("s-SN", THEN_HEAD, run.shared_mixture().head_parameters.detach())


def _experts(splits: SourceSplits, run: Run) -> Iterator[LearnedHead]:
    lambdas = [(run.config.lambda_0, run.config.lambda_1)]
    shared, gate = run.shared_mixture().head_parameters.detach()[None, None], run.gate_parameters()[None, None]
    for strategy, changes in EXPERTS.items():
        stage = expert_stage(splits, replace(run.config, **changes), lambdas, shared, gate)
        yield LearnedHead("s-PEN", strategy, train_heads(stage)[0][0, 0])


def _alike(learned: list[LearnedHead]) -> list[list[LearnedHead]]:
    """Return the heads of each model, which can adapt side by side."""
    groups: dict[Model, list[LearnedHead]] = {}
    for one in learned:
        groups.setdefault(one.model, []).append(one)
    return list(groups.values())


def _tested(
    group: list[LearnedHead], people: Target, plan: ProtocolPlan, run: Run, key: CellKey
) -> Iterator[Evaluation]:
    """Yield every strategy with every share; one head adapts to all people together."""
    settings = plan.adaptation_settings(key.seed, run.feature_scaling())
    heads = torch.stack([one.head_parameters.to(people.features.device) for one in group])
    for share in plan.shares:
        rows = people.share(share)
        chosen = torch.cat([torch.from_numpy(mine) for mine in rows.values()])
        started = time.perf_counter()
        facts: dict[str, Any] = {"share": share}
        adapted = heads
        if share:
            groups = [chosen] * len(heads)
            device = people.features.device
            adapted = adapt_batched(heads, people.features, people.affect, groups, settings, device=device)
            facts |= label_counts(rows) | {"steps": step_count(settings, len(chosen))}
            facts["seconds"] = time.perf_counter() - started
        for one, head in zip(group, adapted, strict=True):
            yield people.evaluate(people.everybody(head), one.model, strategy=one.strategy, **facts)[0]


def _held_out(one: LearnedHead, splits: SourceSplits) -> Agreement:
    samples, rows = splits.samples, splits.validation[0]
    head = one.head_parameters.to(samples.features.device)
    estimate, _ = predict(head, samples.features, rows.numpy())
    return agreement(estimate, samples.affect[rows].cpu().numpy())
