"""The paper's losses, Eqs. 4-8, each a mean over the samples of a batch.

Sums over valence and arousal (Eq. 5) and over gate activations (Eq. 7) are sums, as the equations
are written; Keras' ``mse`` and the paper's own code take means there, which only rescales the
two terms by 1/2 and 1/n_s.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pen_mobile.models.heads import HeadOutput


def affect_loss(estimate: Tensor, affect: Tensor) -> Tensor:
    """Eq. 5: mean over samples of ``(y - y~)(y - y~)^T``, for ``[B, 2]`` estimates and labels."""
    return (estimate - affect).square().sum(dim=1).mean()


def selector_loss(logits: Tensor, subject: Tensor) -> Tensor:
    """Eq. 6: cross-entropy between the gate and the person's index; logits ``[B, n_s]``, subject ``[B]``."""
    return functional.cross_entropy(logits, subject)


def sparsity_loss(logits: Tensor) -> Tensor:
    """Eq. 7: mean over samples of the L1 norm of the gate activations h, ``[B, n_s]``."""
    return logits.abs().sum(dim=1).mean()


def gate_loss(logits: Tensor, subject: Tensor, lambda_1: float) -> Tensor:
    """Section 3.5: ``alpha_c + lambda_1 alpha_r``, with which the gate is first learned alone."""
    return selector_loss(logits, subject) + lambda_1 * sparsity_loss(logits)


def source_loss(output: HeadOutput, affect: Tensor, subject: Tensor, lambda_0: float, lambda_1: float) -> Tensor:
    """Eq. 4: ``alpha^y + lambda_0 alpha_c + lambda_1 alpha_r``, joint learning on source people."""
    return (
        affect_loss(output.affect, affect)
        + lambda_0 * selector_loss(output.logits, subject)
        + lambda_1 * sparsity_loss(output.logits)
    )


def adaptation_loss(output: HeadOutput, affect: Tensor, lambda_1: float) -> Tensor:
    """Eq. 8: ``alpha^y + lambda_1 alpha_r``, adaptation to target people without their names."""
    return affect_loss(output.affect, affect) + lambda_1 * sparsity_loss(output.logits)
