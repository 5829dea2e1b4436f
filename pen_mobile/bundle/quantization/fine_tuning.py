"""The head, learned further on features as an int8 backbone gives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.quantization.calibration import SourceFrames
from pen_mobile.models.heads import ExpertHead
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_heads import joint_stage, source_splits


def retune(run: Run, frames: SourceFrames, features: NDArray[np.float32], epochs: int) -> ExpertHead:
    """Return the run's head after more epochs of joint learning (Eq. 4) on other features of the same frames.

    Args:
        run: whose settings and split are used.
        frames: all source rows.
        features: of every row, ``[N, D_z]``.
        epochs: passes at most; the best on the validation rows is kept, the head as it was among them.
    """
    config, table, head = run.config, frames.table, run.expert_head()
    splits = source_splits(table, features, config.halves(table), scaling=run.feature_scaling())
    start = head.head_parameters.detach()[None, None]
    stage = joint_stage(splits, replace(config, joint_epochs=epochs), [(config.lambda_0, config.lambda_1)], start)
    head.load_state_dict({"head_parameters": train_heads(stage)[0][0, 0]})
    return head
