"""Stage 1 of source learning: backbone and shared head together, on frames; and the features that come of it."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pen_mobile.data.frames import Frames
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.models.heads import SharedHead
from pen_mobile.models.losses import LossTerms, affect_loss
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.batches import Batch, FrameSamples
from pen_mobile.training.checkpoint import StageLog
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.fit import ModuleStage, fit
from pen_mobile.training.run_folder import STAGES
from pen_mobile.training.stage import StageSettings
from pen_mobile.types import Rows
from pen_mobile.utils.progress import Progress


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

    def forward(self, frames: Tensor) -> Tensor:
        """Return estimates ``[B, K]`` of frames ``[B, 3, S, S]``, RGB, 0..255."""
        affect: Tensor = self.head(self.backbone(frames.float()))
        return affect


def new_network(config: LearningConfig) -> FrameToAffect:
    """Return the network with its initial weights, drawn by the seed.

    Args:
        config: backbone, weights, input size and seed.
    """
    torch.manual_seed(config.seed)
    backbone = make_backbone(config.backbone, config.weights, config.input_size)
    return FrameToAffect(backbone, SharedHead(backbone.feature_size))


def learn_backbone(
    fabric: Fabric,
    network: FrameToAffect,
    frames: Frames,
    affect: Tensor,
    halves: tuple[Rows, Rows],
    config: LearningConfig,
    checkpoint: Path,
    progress: Progress,
) -> StageLog:
    """Run step 1 of Algorithm 1: train the network on frames (Eq. 5); it ends with its best weights.

    Args:
        fabric: where to train.
        network: with its initial weights.
        frames: of all source rows.
        affect: labels of all source rows, ``[N, K]``.
        halves: row numbers to learn from and to validate on.
        config: settings.
        checkpoint: file of the stage.
        progress: listener.
    """
    terms = LossTerms.of(0.0, 0.0, config.loss_convention)

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return terms.affect * affect_loss(network(batch.x), batch.affect)

    size, augment = network.backbone.input_size, Augmentation(config.seed) if config.augment else None
    training, held_out = (
        FrameSamples(frames, size, rows, affect[rows], change)
        for rows, change in zip(halves, (augment, None), strict=True)
    )
    return fit(fabric, ModuleStage(_settings(config), network, loss, training, held_out), checkpoint, progress)


def _settings(config: LearningConfig) -> StageSettings:
    return StageSettings(
        STAGES[0],
        config.backbone_optimizer,
        config.backbone_learning_rate,
        config.backbone_epochs,
        patience=None,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
        seed=config.seed,
        rate_key="backbone_learning_rate",
    )
