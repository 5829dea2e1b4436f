"""Experts in closed form: with the gate frozen the mixture is linear in its experts, so ridge regression is exact."""

from __future__ import annotations

from torch import Tensor

from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies.dual import (
    Correction,
    chosen_labels,
    first_of_the_best,
    inverse_regularization_grid,
    left_out_residuals,
    solve,
)
from pen_mobile.training.strategies.mixture import add_to_experts, evaluate, with_one


def adapt_ridge(head_parameters: Tensor, z: Tensor, affect: Tensor, settings: AdaptationSettings) -> Tensor:
    r"""Move all experts toward the labels, and no further from where they were than the labels support.

    Minimises ``\sum_j |y_j - PEN(z_j)|^2 + lambda \sum_i |W_i - W_i^source|^2``, lambda chosen by
    leave-one-out, infinity (the head as it was) among the candidates.

    Raises:
        BadInput: more labels than :data:`~pen_mobile.training.strategies.dual.MOST_LABELS`.
    """
    return move_experts(head_parameters, z, affect, settings.seed, intercept=False)


def move_experts(head_parameters: Tensor, z: Tensor, affect: Tensor, seed: int, *, intercept: bool) -> Tensor:
    r"""Ridge on all experts, ``W_i += \sum_j c_i(z_j) alpha_j z~_j^T``, and b added to every bias."""
    output = evaluate(head_parameters, z, affect.shape[1])
    residual, inputs = affect.double() - output.affect, with_one(z)
    few = chosen_labels(len(z), seed)
    kernel = mixture_kernel(output.gate[few], inputs[few])
    errors = left_out_residuals(kernel, residual[few], intercept=intercept).square().sum(dim=(1, 2))
    chosen = first_of_the_best(errors)
    if chosen < 0 or errors[chosen] >= residual[few].square().sum():
        return head_parameters.clone()
    whole = mixture_kernel(output.gate, inputs) if len(few) < len(z) else kernel
    correction = solve(whole, residual, inverse_regularization_grid(kernel)[chosen], intercept=intercept)
    return _corrected(head_parameters, output.gate, inputs, correction)


def fit_experts(head_parameters: Tensor, z: Tensor, affect: Tensor, inverse_regularization: float) -> Tensor:
    """Move the experts, and everybody's offset, for one given t = 1 / lambda in units of the kernel's mean diagonal."""
    output, inputs = evaluate(head_parameters, z, affect.shape[1]), with_one(z)
    kernel = mixture_kernel(output.gate, inputs)
    t = inverse_regularization / float(kernel.diagonal().mean())
    return _corrected(
        head_parameters, output.gate, inputs, solve(kernel, affect.double() - output.affect, t, intercept=True)
    )


def _corrected(head_parameters: Tensor, gate: Tensor, inputs: Tensor, correction: Correction) -> Tensor:
    alpha, intercept = correction
    by_expert = (gate[:, :, None] * alpha[:, None]).flatten(1)  # [N, K n_s]
    change = (by_expert.T @ inputs).view(len(gate.T), -1, inputs.shape[1])
    change[:, :, -1] += intercept
    return add_to_experts(head_parameters, change)


def mixture_kernel(gate: Tensor, inputs: Tensor) -> Tensor:
    """Return ``K = (C C^T) * (Z~ Z~^T)``, ``[N, N]``: how far learning sample j moves the prediction for k."""
    return (gate @ gate.T) * (inputs @ inputs.T)
