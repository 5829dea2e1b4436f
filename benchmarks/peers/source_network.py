"""The network that a peer converts: same weights, batch norms folded, frames 0 to 255 in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import nn

from pen_mobile.bundle.programs.simplify import fold_batch_norm
from pen_mobile.models.backbone import Backbone


def network(folder: Path) -> tuple[nn.Module, int]:
    """Return the network that the parent left in ``folder``, and its input size."""
    name, size = (folder / "name.txt").read_text().split()
    backbone = Backbone(name, int(size))
    backbone.load_state_dict(load_file(folder / "weights.safetensors"))
    return fold_batch_norm(backbone), int(size)


def calibration(folder: Path) -> np.ndarray:
    """Return frames to calibrate int8 with, float32 ``[N, S, S, 3]``."""
    return np.load(folder / "calibration.npy").astype(np.float32)
