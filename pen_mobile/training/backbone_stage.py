"""Stage 1 of source learning: backbone and shared head together, on frames; and the features that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pen_mobile.data.frames import Frames
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.models.heads import SharedHead
from pen_mobile.models.losses import LossTerms, affect_loss
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.batches import Batch, FrameSamples
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.fit import ModuleStage, fit
from pen_mobile.training.run_record import STAGES
from pen_mobile.training.stage import StageSettings
from pen_mobile.training.stage_log import StageLog
from pen_mobile.types import Rows
from pen_mobile.utils.progress import Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

HEAD_FIRST = "0-head"
"""Name of the stage in which the head learns alone, before the backbone."""


class FrameToAffect(nn.Module):
    """Backbone and shared head as one network: ``x -> z -> y~``."""

    def __init__(self, backbone: Backbone, head: SharedHead) -> None:
        """Join the two.

        Args:
            backbone: ``x -> z``.
            head: ``z -> y~``.
        """
        super().__init__()
        self.backbone, self.head = backbone, head
        self.frozen = False

    def freeze(self, frozen: bool) -> None:
        """Let steps change the head alone, or both again.

        Args:
            frozen: True keeps the backbone, its running statistics included, as it is.
        """
        self.frozen = frozen
        self.backbone.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> FrameToAffect:
        """Set training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """Return estimates ``[B, K]`` of frames ``[B, 3, S, S]``, RGB, 0..255."""
        affect: Tensor = self.head(self.backbone(frames.float()))
        return affect


def new_network(config: LearningConfig, target_count: int) -> FrameToAffect:
    """Return the network with its initial weights, drawn by the seed.

    Args:
        config: backbone, weights, input size and seed.
        target_count: K.
    """
    torch.manual_seed(config.seed)
    backbone = make_backbone(config.backbone, config.weights, config.input_size)
    return FrameToAffect(backbone, SharedHead(backbone.feature_size, target_count))


def learn_backbone(
    fabric: Fabric,
    network: FrameToAffect,
    frames: Frames,
    affect: Tensor,
    halves: tuple[Rows, Rows],
    config: LearningConfig,
    checkpoint: Path,
    progress: Progress,
) -> dict[str, StageLog]:
    """Run step 1 of Algorithm 1: train the network on frames (Eq. 5); it ends with its best weights.

    The layer strategy decides whether the head learns alone before, or instead.

    Args:
        fabric: where to train.
        network: with its initial weights.
        frames: of all source rows.
        affect: labels of all source rows, ``[N, K]``.
        halves: row numbers to learn from and to validate on.
        config: settings.
        checkpoint: file of the stage; a stage before it has a file beside it.
        progress: listener.

    Returns:
        The log of every stage, by its name.
    """
    terms = LossTerms.of(0.0, 0.0, config.loss_convention)

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return terms.affect * affect_loss(network(batch.x), batch.affect)

    size, augment = network.backbone.input_size, Augmentation(config.seed) if config.augment else None
    training, held_out = (
        FrameSamples(frames, size, rows, affect[rows], change)
        for rows, change in zip(halves, (augment, None), strict=True)
    )
    stages = {
        name: ModuleStage(_settings(config, name), network, loss, training, held_out) for name in _stage_names(config)
    }
    logs = {}
    for name, stage in stages.items():
        network.freeze(name == HEAD_FIRST or config.layer_strategy == "frozen")
        logs[name] = fit(fabric, stage, checkpoint.with_stem(name), progress)
    return logs


def _stage_names(config: LearningConfig) -> list[str]:
    return [HEAD_FIRST, STAGES[0]] if config.layer_strategy == "head-first" else [STAGES[0]]


def _settings(config: LearningConfig, name: str) -> StageSettings:
    return StageSettings(
        name,
        config.backbone_optimizer,
        config.backbone_learning_rate,
        config.backbone_epochs,
        patience=None,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
        seed=config.seed,
        rate_key="backbone_learning_rate",
    )
