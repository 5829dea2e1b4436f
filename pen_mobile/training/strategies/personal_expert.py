"""An expert of one's own: fitted to the person's labels, and let into the mixture as far as it deserves."""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.models.heads import HeadOutput
from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies.dual import (
    chosen_labels,
    first_of_the_best,
    inverse_regularization_grid,
    left_out_residuals,
    solve,
)
from pen_mobile.training.strategies.mixture import evaluate, with_one

# The newcomer's gate activation above the median log-sum-exp of the others: from 2 % of the say to all but 1e-7.
PROMINENCE = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0)


def adapt_personal_expert(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    """Append an expert, ridge regression from the mean of the experts there are to the person's labels.

    Its gate row has weights 0 and a bias beta: ``(1 - p) PEN(z) + p y_new(z)`` with
    ``p = e^beta / (e^beta + sum_i e^h_i)``. Beta and the ridge's strength are those with which the mixture
    predicts left-out labels best; "off" is among the candidates and returns the head as it was.

    Raises:
        BadInput: more labels than :data:`~pen_mobile.training.strategies.dual.MOST_LABELS`.
    """
    output, inputs = evaluate(head_parameters, z, affect.shape[1]), with_one(z)
    residual = affect.double() - output.experts.mean(dim=1)
    few = chosen_labels(len(z), settings.seed)
    subset = output.of_rows(few)
    choice = _choose(subset, inputs[few], residual[few], affect[few].double() - subset.affect)
    if choice is None:
        return head_parameters.clone()
    inverse_regularization, beta = choice
    alpha, _ = solve(inputs @ inputs.T, residual, inverse_regularization, intercept=False)
    return _append(head_parameters, alpha.T @ inputs, beta)


def _choose(output: HeadOutput, inputs: Tensor, residual: Tensor, of_mixture: Tensor) -> tuple[float, float] | None:
    """Return t and beta with the smallest left-out error, or None where the newcomer had better stay out."""
    kernel = inputs @ inputs.T
    alone = left_out_residuals(kernel, residual, intercept=False)  # [T, N, K]
    others = output.logits.logsumexp(dim=1)
    betas = others.median() + torch.tensor(PROMINENCE).to(others)
    say = torch.sigmoid(betas[:, None] - others)[:, None, :, None]  # p, [betas, 1, N, 1]
    errors = ((1 - say) * of_mixture + say * alone).square().sum(dim=(2, 3))  # [betas, T]
    candidates = torch.cat([of_mixture.square().sum()[None], errors.flatten()])
    best = first_of_the_best(candidates)
    if best <= 0:
        return None
    beta, inverse_regularization = divmod(best - 1, errors.shape[1])
    return inverse_regularization_grid(kernel)[inverse_regularization], float(betas[beta])


def _append(head_parameters: Tensor, change: Tensor, beta: float) -> Tensor:
    """Return the head with one more expert: the mean of those there are plus ``change`` ``[K, D_z + 1]``."""
    expert_count = len(head_parameters) // (1 + len(change))
    gate, experts = head_parameters[:expert_count], head_parameters[expert_count:]
    newcomer = experts.double().view(expert_count, len(change), -1).mean(dim=0) + change
    gate_row = torch.zeros_like(head_parameters[:1])
    gate_row[0, -1] = beta
    return torch.cat([gate, gate_row, experts, newcomer.to(head_parameters.dtype)])
