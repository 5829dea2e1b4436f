"""A personal offset that costs nothing, and experts moved by ridge regression for the rest."""

from __future__ import annotations

from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies.ridge import move_experts


def adapt_offset_ridge(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    """Ridge on all experts as in :func:`adapt_ridge`, with an intercept outside the penalty.

    The intercept joins every expert's bias. An infinite lambda is the mean residual alone; the head as it was is
    the last resort when leaving labels out favours neither.

    Raises:
        BadInput: more labels than :data:`~pen_mobile.training.strategies.dual.MOST_LABELS`.
    """
    return move_experts(head_parameters, z, affect, settings.seed, intercept=True)
