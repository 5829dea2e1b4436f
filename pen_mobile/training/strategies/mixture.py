"""What strategies in closed form need of a head: its output in float64, and ways to change it."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.models.heads import ExpertHead, HeadOutput


def evaluate(head_parameters: Tensor, z: Tensor, target_count: int) -> HeadOutput:
    """Return what the head says about features ``[N, D_z]`` (Eqs. 1-3), in float64.

    Args:
        head_parameters: ``[(1 + K) n_s, D_z + 1]``.
        z: features, ``[N, D_z]``.
        target_count: K.
    """
    expert_count = len(head_parameters) // (1 + target_count)
    head = ExpertHead(z.shape[1], expert_count, target_count).double().to(head_parameters.device)
    with torch.no_grad():
        head.head_parameters.copy_(head_parameters)
        output: HeadOutput = head(z.double())
    return output


def add_to_experts(head_parameters: Tensor, change: Tensor) -> Tensor:
    """Return the head with ``change`` ``[n_s or 1, K, D_z + 1]`` added to its experts, in its own dtype."""
    expert_count = len(head_parameters) // (1 + change.shape[1])
    experts = head_parameters[expert_count:].double().view(expert_count, *change.shape[1:2], -1) + change
    return torch.cat([head_parameters[:expert_count], experts.flatten(0, 1).to(head_parameters.dtype)])


def with_one(z: Tensor) -> Tensor:
    """Return z~ = [z, 1], ``[N, D_z + 1]``, in float64."""
    return torch.cat([z.double(), z.new_ones(len(z), 1, dtype=torch.float64)], dim=1)
