"""Step 3 of Algorithm 1: experts of the shared head, learned together with the gate, or in isolation before or instead.

The paper tuned experts in isolation, too, and reports joint learning, which generalised better (Section 3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pen_mobile.training.config import LearningConfig
from pen_mobile.training.head_training import HeadStage, train_heads
from pen_mobile.training.source_heads import Lambdas, SourceSplits, joint_stage, shared_stage


def expert_stage(
    splits: SourceSplits, config: LearningConfig, lambdas: Sequence[Lambdas], shared: Tensor, gates: Tensor
) -> HeadStage:
    """Return step 3 of Algorithm 1: every expert from the shared head, then gate and experts jointly (Eq. 4).

    With ``expert_learning = "isolated"`` experts are tuned before the stage, which takes no step.

    Args:
        splits: samples; of one split where experts are tuned in isolation.
        config: settings; its lambdas are not used.
        lambdas: pairs, of which each makes one head.
        shared: head parameters of the shared head, ``[G or 1, 1, 1 + K, D_z + 1]``.
        gates: head parameters of the gates, ``[G, H, n_s, D_z + 1]``.
    """
    if config.expert_learning == "joint":
        experts = shared[:, :, 1:].repeat(1, 1, splits.expert_count, 1)
    else:
        experts = tuned_alone(splits, config, shared[0, 0])
    start = torch.cat([gates, experts.expand(*gates.shape[:2], -1, -1)], dim=2)
    stage = joint_stage(splits, config, lambdas, start)
    return stage.without_steps() if config.expert_learning == "isolated" else stage


def tuned_alone(splits: SourceSplits, config: LearningConfig, shared: Tensor) -> Tensor:
    """Return every expert, tuned from the shared head on one person's rows (Eq. 5), ``[n_s K, D_z + 1]``.

    Args:
        splits: samples of one split; a person of whom no row is held out is validated on the rows learned from.
        config: settings of the shared head.
        shared: head parameters of the shared head, ``[1 + K, D_z + 1]``.
    """
    alone = (_rows_of(splits, person) for person in range(splits.expert_count))
    tuned = [train_heads(shared_stage(rows, config, shared))[0][0, 0, 1:] for rows in alone]
    return torch.cat(tuned)


def _rows_of(splits: SourceSplits, person: int) -> SourceSplits:
    """Return the split with one person's rows only."""
    subject = splits.samples.subject
    assert subject is not None
    training, validation = (rows[subject[rows].cpu() == person] for rows in (splits.training[0], splits.validation[0]))
    if not len(training):
        training = validation
    return replace(splits, training=[training], validation=[validation if len(validation) else training])
