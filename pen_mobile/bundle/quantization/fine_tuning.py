"""The head, learned further on features as an int8 backbone gives them."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from pen_mobile.bundle.quantization.calibration import SourceFrames
from pen_mobile.data.splits import validation_split
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.losses import source_loss
from pen_mobile.training.batches import Batch, FeatureSamples
from pen_mobile.training.fit import Stage, fit
from pen_mobile.training.run_folder import Run


def retune(run: Run, frames: SourceFrames, features: NDArray[np.float32], epochs: int) -> ExpertHead:
    """Return the run's head after more epochs of joint learning (Eq. 4) on other features of the same frames.

    Args:
        run: whose settings and split are used.
        frames: all source rows.
        features: of every row, ``[N, D_z]``.
        epochs: passes at most; the best on the validation rows is kept, the head as it was among them.
    """
    config, table, head = run.config, frames.table, run.expert_head()
    person = torch.from_numpy(np.searchsorted(table.subjects(), table.subject))
    training, held_out = (
        FeatureSamples(torch.from_numpy(features[rows]), torch.from_numpy(table.affect[rows]), person[rows])
        for rows in validation_split(table, config.validation_fraction, config.seed)
    )

    def loss(module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return source_loss(module(batch.x), batch.affect, batch.subject, config.lambda_0, config.lambda_1)

    stage = Stage(
        "head on int8 features",
        head,
        loss,
        training,
        held_out,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        epochs=epochs,
        patience=config.patience,
        max_steps=None,
        batch_size=config.batch_size,
        seed=config.seed,
    )
    fit(Fabric(accelerator="cpu", devices=1), stage)
    return head
