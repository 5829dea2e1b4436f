"""A personal offset: the person's mean residual, as far as leaving labels out supports it."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies.mixture import add_to_experts, evaluate


def adapt_offset(head_parameters: Tensor, z: Tensor, affect: Tensor, _: AdaptationSettings) -> Tensor:
    """Add one offset (valence, arousal) to every expert's bias.

    The gate sums to 1, so the prediction moves by just this much, for SN and PEN alike.
    """
    change = head_parameters.new_zeros(1, affect.shape[1], head_parameters.shape[1], dtype=torch.float64)
    change[0, :, -1] = shrunk_mean(affect.double() - evaluate(head_parameters, z, affect.shape[1]).affect)
    return add_to_experts(head_parameters, change)


def shrunk_mean(residual: Tensor) -> Tensor:
    r"""Return ``k m``, the mean of residuals ``[N, K]`` shrunk by the k in [0, 1] that leaving one out likes best.

    With ``m_j = (N m - r_j) / (N - 1)``, the mean without sample j, the error ``\sum_j (r_j - k m_j)^2`` is a
    parabola in k with its minimum at ``\sum_j r_j m_j / \sum_j m_j^2``; each dimension has its own k. One
    label leaves nothing to compare with, and k is 0.
    """
    count = len(residual)
    if count == 1:
        return torch.zeros_like(residual[0])
    mean = residual.mean(dim=0)
    without = (count * mean - residual) / (count - 1)
    size = without.square().sum(dim=0)
    best = torch.where(size > 0, (residual * without).sum(dim=0) / size, 0.0)
    return best.clamp(0, 1) * mean
