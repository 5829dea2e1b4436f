"""Stages 2 to 4 of source learning, on features: shared head, gate, experts with their gate.

Each function returns a stage for :func:`~pen_mobile.training.head_training.train_heads`. One split and one pair of
lambdas is source learning; several pairs are the search over lambdas; several splits are seeds or cross-fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pen_mobile.data.table import SubjectTable
from pen_mobile.models.heads import Dense, SharedHead, shared_parameters
from pen_mobile.models.losses import LossTerms
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.feature_scaling import FeatureScaling
from pen_mobile.training.head_batch import HeadSamples
from pen_mobile.training.head_training import HeadStage
from pen_mobile.training.run_record import STAGES
from pen_mobile.training.stage import StageSettings
from pen_mobile.types import Floats, Rows

Lambdas = tuple[float, float]
"""(lambda_0, lambda_1) of Eq. 4."""


@dataclass(frozen=True, eq=False)
class SourceSplits:
    """Source people's samples in G splits.

    Attributes:
        samples: features, labels and people's indices.
        expert_count: n_s, the number of people.
        training, validation: row numbers of each split, int64.
    """

    samples: HeadSamples
    expert_count: int
    training: Sequence[Tensor]
    validation: Sequence[Tensor]

    @property
    def target_count(self) -> int:
        """K, the number of targets."""
        return self.samples.affect.shape[1]

    @property
    def feature_size(self) -> int:
        """D_z."""
        return self.samples.features.shape[1]

    def to(self, device: torch.device) -> SourceSplits:
        """Return the same with samples on another device."""
        return replace(self, samples=self.samples.to(device))

    def stage(self, settings: StageSettings, heads: Tensor, expert_count: int, terms: Sequence[LossTerms]) -> HeadStage:
        """Return a stage on these splits.

        Args:
            settings: of the stage.
            heads: head parameters to start from, broadcast to ``[G, H, R, D_z + 1]``.
            expert_count: gate rows of a head.
            terms: factors of the loss for each of the H heads.
        """
        shape = (len(self.training), len(terms), *heads.shape[-2:])
        start = heads.to(self.samples.features.device).expand(shape)
        return HeadStage(settings, start, expert_count, self.samples, self.training, self.validation, terms)


def source_splits(
    table: SubjectTable, features: Floats, *halves: tuple[Rows, Rows], scaling: FeatureScaling | None = None
) -> SourceSplits:
    """Return the samples of a table of source people.

    Args:
        table: source people.
        features: z of every row, ``[N, D_z]``.
        halves: row numbers to learn from and to validate on, for each split.
        scaling: of the features; None learns on features as they are.
    """
    people = table.subjects()
    subject = torch.from_numpy(np.searchsorted(people, table.subject))
    samples = HeadSamples(torch.from_numpy(features), torch.from_numpy(table.affect), subject, scaling)
    training, validation = ([torch.from_numpy(rows) for rows in parts] for parts in zip(*halves, strict=True))
    return SourceSplits(samples, len(people), training, validation)


def shared_stage(splits: SourceSplits, config: LearningConfig, start: Tensor | None = None) -> HeadStage:
    """Return step 2 of Algorithm 1: the shared head alone, on features of the frozen backbone (Eq. 5).

    Args:
        splits: samples.
        config: settings.
        start: head parameters of stage 1's head as a mixture of one, ``[1 + K, D_z + 1]``; None draws initial weights.
    """
    if start is None:
        torch.manual_seed(config.seed)
        start = shared_parameters(SharedHead(splits.feature_size, splits.target_count))
    terms = LossTerms.of(0.0, 0.0, config.loss_convention, target_count=splits.target_count)
    nameless = replace(splits, samples=splits.samples._replace(subject=None))
    return nameless.stage(_settings(config, STAGES[1], config.head_epochs), start, 1, [terms])


def gate_stage(splits: SourceSplits, config: LearningConfig, lambdas: Sequence[Lambdas]) -> HeadStage:
    """Return the gate in isolation, with the people's indices as labels (Section 3.5, Eqs. 6 and 7).

    Args:
        splits: samples.
        config: settings; its lambdas are not used.
        lambdas: pairs, of which each makes one gate with its lambda_1.
    """
    torch.manual_seed(config.seed)
    gate = Dense(splits.feature_size, splits.expert_count)
    start = torch.cat([gate.weight, gate.bias[:, None]], dim=1).detach()
    terms = [_terms(splits, config, (1.0, lambda_1)) for _, lambda_1 in lambdas]
    return splits.stage(_settings(config, STAGES[2], config.head_epochs), start, splits.expert_count, terms)


def joint_stage(splits: SourceSplits, config: LearningConfig, lambdas: Sequence[Lambdas], start: Tensor) -> HeadStage:
    """Return joint learning of gate and experts (Eq. 4) from any head.

    Args:
        splits: samples.
        config: settings; its lambdas are not used.
        lambdas: pairs, of which each makes one head.
        start: head parameters, ``[G, H, n_s (1 + K), D_z + 1]``.
    """
    settings = _joint_settings(config)
    terms = [_terms(splits, config, pair) for pair in lambdas]
    return splits.stage(settings, start, splits.expert_count, terms)


def _joint_settings(config: LearningConfig) -> StageSettings:
    epochs, rate = config.joint_epochs, config.joint_step_size
    if config.early_stopping == "cap":
        return _settings(config, STAGES[3], min(epochs, config.patience), joint_rate=rate)
    return _settings(config, STAGES[3], epochs, config.patience, rate)


def _terms(splits: SourceSplits, config: LearningConfig, lambdas: Lambdas) -> LossTerms:
    counts = {"expert_count": splits.expert_count, "target_count": splits.target_count}
    return LossTerms.of(*lambdas, config.loss_convention, **counts)


def _settings(
    config: LearningConfig, name: str, epochs: int, patience: int | None = None, joint_rate: float | None = None
) -> StageSettings:
    return StageSettings(
        name,
        config.optimizer,
        joint_rate or config.learning_rate,
        epochs,
        patience,
        config.max_steps,
        config.batch_size,
        config.seed,
        rate_key="joint_learning_rate" if joint_rate else "learning_rate",
    )
