"""Target adaptation on the server: Eq. 8 on pooled target people, whose names are not used."""

from __future__ import annotations

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from pen_mobile.learning.batches import Batch, FeatureSamples
from pen_mobile.learning.checkpoint import StageLog
from pen_mobile.learning.config import LearningConfig
from pen_mobile.learning.fit import Stage, fit
from pen_mobile.network.heads import ExpertHead
from pen_mobile.network.losses import adaptation_loss
from pen_mobile.progress import SILENT, Progress


def adapt_to_target(
    head: ExpertHead,
    features: Tensor,
    affect: Tensor,
    config: LearningConfig,
    fabric: Fabric | None = None,
    progress: Progress = SILENT,
) -> StageLog:
    """Fine-tune gate and experts in place on target samples (Algorithm 1, target adaptation).

    Args:
        head: the source PEN; ends with the weights of the epoch that fitted the samples best.
        features, affect: z ``[N, D_z]`` and labels ``[N, 2]`` of the adaptation samples.
        config: optimizer, ``joint_epochs``, batch size, lambda_1 and seed are used.
    """

    def loss(head: nn.Module, batch: Batch) -> Tensor:
        return adaptation_loss(head(batch.x), batch.affect, config.lambda_1)

    samples = FeatureSamples(features, affect, torch.zeros(len(features), dtype=torch.long))
    stage = Stage(
        "adaptation",
        head,
        loss,
        training=samples,
        validation=samples,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        epochs=config.joint_epochs,
        patience=None,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
        seed=config.seed,
    )
    return fit(fabric or Fabric(accelerator="cpu", devices=1), stage, None, progress)
