"""The paper's losses, Eqs. 4-8, each a mean over the samples of a batch.

Two conventions: as the equations are written (``paper``, the default), sums over targets (Eq. 5) and over gate
activations (Eq. 7) are sums. Keras' ``mse`` and the mean of the absolute pre-activations in Section 3.5 (``keras``)
are means there. So Eq. 4 as written with ``(lambda_0, lambda_1)`` is K times the one of Keras with
``(lambda_0 / K, lambda_1 n_s / K)`` for K targets: the default 1e-3 for both is 5e-4 and 4.5e-3 in the paper's code
for two targets and nine experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from pen_mobile.models.heads import HeadOutput

LossConvention = Literal["paper", "keras"]


@dataclass(frozen=True)
class LossTerms:
    """Factors of the terms of Eq. 4 as written.

    Attributes:
        affect: of Eq. 5.
        selector: of Eq. 6, 0 during adaptation (Eq. 8).
        sparsity: of Eq. 7.
    """

    affect: float
    selector: float
    sparsity: float

    @classmethod
    def of(
        cls,
        lambda_0: float,
        lambda_1: float,
        convention: LossConvention = "paper",
        *,
        expert_count: int = 1,
        target_count: int = 2,
    ) -> LossTerms:
        """Return the factors of Eq. 4, or of Eq. 8 with ``lambda_0 = 0``.

        Args:
            lambda_0: weight of the selector loss.
            lambda_1: weight of the sparsity.
            convention: how sums over targets and gate activations are meant.
            expert_count: n_s.
            target_count: K.
        """
        if convention == "keras":
            return cls(1 / target_count, lambda_0, lambda_1 / expert_count)
        return cls(1.0, lambda_0, lambda_1)

    def loss(self, output: HeadOutput, affect: Tensor, subject: Tensor | None = None) -> Tensor:
        """Return Eq. 4, or Eq. 8 where no subject is given.

        Args:
            output: of an expert head, for B samples.
            affect: labels ``[B, K]``.
            subject: index of the source person of each sample, ``[B]``.
        """
        loss = self.affect * affect_loss(output.affect, affect) + self.sparsity * sparsity_loss(output.logits)
        return loss if subject is None else loss + self.selector * selector_loss(output.logits, subject)

    def gate_loss(self, logits: Tensor, subject: Tensor) -> Tensor:
        """Return the loss with which the gate is first learned alone (Section 3.5): ``alpha_c + lambda_1 alpha_r``.

        Args:
            logits: gate activations h, ``[B, n_s]``.
            subject: index of the source person of each sample, ``[B]``.
        """
        return selector_loss(logits, subject) + self.sparsity * sparsity_loss(logits)


def affect_loss(estimate: Tensor, affect: Tensor) -> Tensor:
    """Eq. 5: mean over samples of ``(y - y~)(y - y~)^T``.

    Args:
        estimate: estimates ``[B, K]``.
        affect: labels ``[B, K]``.
    """
    return (estimate - affect).square().sum(dim=1).mean()


def selector_loss(logits: Tensor, subject: Tensor) -> Tensor:
    """Eq. 6: cross-entropy between the gate and the person's index.

    Args:
        logits: gate activations h, ``[B, n_s]``.
        subject: index of the source person of each sample, ``[B]``.
    """
    return functional.cross_entropy(logits, subject)


def sparsity_loss(logits: Tensor) -> Tensor:
    """Eq. 7: mean over samples of the L1 norm of the gate activations h.

    Args:
        logits: gate activations h, ``[B, n_s]``.
    """
    return logits.abs().sum(dim=1).mean()


def source_loss(output: HeadOutput, affect: Tensor, subject: Tensor, lambda_0: float, lambda_1: float) -> Tensor:
    """Eq. 4 as written: ``alpha^y + lambda_0 alpha_c + lambda_1 alpha_r``, joint learning on source people.

    Args:
        output: of an expert head, for B samples.
        affect: labels ``[B, K]``.
        subject: index of the source person of each sample, ``[B]``.
        lambda_0: weight of the selector loss.
        lambda_1: weight of the sparsity.
    """
    return LossTerms.of(lambda_0, lambda_1).loss(output, affect, subject)


def adaptation_loss(output: HeadOutput, affect: Tensor, lambda_1: float) -> Tensor:
    """Eq. 8 as written: ``alpha^y + lambda_1 alpha_r``, adaptation to target people without their names.

    Args:
        output: of an expert head, for B samples.
        affect: labels ``[B, K]``.
        lambda_1: weight of the sparsity.
    """
    return LossTerms.of(0.0, lambda_1).loss(output, affect)
