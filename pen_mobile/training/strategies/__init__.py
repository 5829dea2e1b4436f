"""Strategies of adaptation on the server, all with one signature: head parameters and labels in, head parameters out.

Head parameters are ``[(1 + K) n_s, D_z + 1]`` as in :class:`~pen_mobile.models.heads.ExpertHead`; SN is the mixture
of one (n_s = 1). Every strategy but the paper's chooses its own strength by leaving out one adaptation
label at a time, so none needs held-out labels, and "change nothing" is always one of its choices.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pen_mobile.contract.strategy import Strategy
from pen_mobile.errors import BadInput
from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies.gate import adapt_gate
from pen_mobile.training.strategies.gradient import adapt_by_gradient
from pen_mobile.training.strategies.offset import adapt_offset
from pen_mobile.training.strategies.offset_ridge import adapt_offset_ridge
from pen_mobile.training.strategies.personal_expert import adapt_personal_expert
from pen_mobile.training.strategies.ridge import adapt_ridge
from pen_mobile.utils.suggestions import choices

Adapt = Callable[[Tensor, Tensor, Tensor, AdaptationSettings], Tensor]

STRATEGIES: dict[Strategy, Adapt] = {
    Strategy.GRADIENT: adapt_by_gradient,
    Strategy.OFFSET: adapt_offset,
    Strategy.GATE: adapt_gate,
    Strategy.RIDGE: adapt_ridge,
    Strategy.PERSONAL_EXPERT: adapt_personal_expert,
    Strategy.OFFSET_RIDGE: adapt_offset_ridge,
}


@torch.no_grad()
def adapt_with(
    strategy: Strategy | str,
    head_parameters: Tensor,
    z: Tensor,
    affect: Tensor,
    settings: AdaptationSettings | None = None,
) -> Tensor:
    """Adapt a head to one person's labels.

    Args:
        strategy: a key of :data:`STRATEGIES`, or its name.
        head_parameters: the head to start from, ``[(1 + K) n_s, D_z + 1]``; not changed.
        z, affect: features ``[N, D_z]`` and labels ``[N, K]`` of the adaptation samples.
        settings: what gradient steps need, and the seed; None is the paper's.

    Returns:
        The adapted head, of the dtype of ``head_parameters``; it has ``1 + K`` rows more where an expert was added.
        The head as it was, if there are no labels, or if one of the numbers in or out is not finite.

    Raises:
        BadInput: no such strategy, or shapes that do not fit together.
    """
    if strategy not in STRATEGIES:
        raise BadInput(f"unknown strategy {str(strategy)!r}; {choices(str(strategy), map(str, STRATEGIES))}")
    if (
        head_parameters.ndim != 2
        or affect.ndim != 2
        or len(head_parameters) % (1 + affect.shape[1])
        or z.ndim != 2
        or z.shape[1] + 1 != head_parameters.shape[1]
    ):
        shapes = f"features {list(z.shape)} and labels {list(affect.shape)}"
        raise BadInput(f"a head {list(head_parameters.shape)} does not fit {shapes}")
    if len(affect) != len(z):
        raise BadInput(f"affect must be [{len(z)}, K], not {list(affect.shape)}")
    if len(z) == 0 or not all(bool(part.isfinite().all()) for part in (head_parameters, z, affect)):
        return head_parameters.clone()
    adapted = STRATEGIES[Strategy(strategy)](head_parameters, z, affect, settings or AdaptationSettings())
    return adapted if bool(adapted.isfinite().all()) else head_parameters.clone()
