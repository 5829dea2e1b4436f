"""Another mixture of the same experts: gradient steps of Eq. 8 on the gate alone."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched


def adapt_gate(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    """Fine-tune the gate's rows and leave the experts as they are.

    SN has a gate that is always 1 and cannot be adapted in this way: with n_s = 1 the head comes back unchanged.
    """
    expert_count = len(head_parameters) // (1 + affect.shape[1])
    if expert_count == 1:
        return head_parameters.clone()
    every = [torch.arange(len(z))]
    return adapt_batched(head_parameters[None], z, affect, every, settings, only=slice(0, expert_count))[0]
