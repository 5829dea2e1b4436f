"""The paper's own adaptation: gradient steps of Eq. 8 on gate and experts."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched


def adapt_by_gradient(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    """Fine-tune gate and experts of a head (Algorithm 1, target adaptation)."""
    return adapt_batched(head_parameters[None], z, affect, [torch.arange(len(z))], settings)[0]
