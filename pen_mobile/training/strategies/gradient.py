"""The paper's own adaptation: gradient steps of Eq. 8 on gate and experts."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_together


def adapt_by_eq8(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    """Fine-tune all of a packed head (Algorithm 1, target adaptation)."""
    return adapt_together(head_parameters[None], z, affect, [torch.arange(len(z))], settings)[0]
