"""Eqs. 1 to 8 and their derivatives for many heads side by side, written out by hand.

Products of a batch are ``[G, H, R, B]``: G sets of rows with H heads on each, R rows of a head (n_s of the gate, then
K of each expert), B samples last, where they are fastest. A head with gate rows alone has no estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import NamedTuple

import torch
from torch import Tensor

from pen_mobile.models.losses import LossTerms


class Labels(NamedTuple):
    """Labels of a batch.

    Attributes:
        affect: targets, ``[G, 1, K, B]``.
        share: part of each sample in the mean, 0 where padded, ``[G, 1, B]``.
        subject: index of the source person, int64 ``[G, 1, 1, B]``; None without Eq. 6.
    """

    affect: Tensor
    share: Tensor
    subject: Tensor | None = None

    def shared_among(self, total: Tensor) -> Labels:
        """Return the same labels with their shares divided.

        Args:
            total: by what, ``[G, 1, 1]``.
        """
        return self._replace(share=self.share / total)

    def own_logits(self, logits: Tensor) -> Tensor:
        """Return where the gate activation of each sample's own person stands, int64 ``[G, H, 1, B]``.

        Args:
            logits: gate activations of H heads, ``[G, H, n_s, B]``.

        Raises:
            ValueError: the labels name no people.
        """
        if self.subject is None:
            raise ValueError("these labels name no people")
        return self.subject.expand(*logits.shape[:2], 1, -1)


class TermFactors(NamedTuple):
    """Factors of Eqs. 5, 6 and 7 for each of H heads, ``[H, 1]``."""

    affect: Tensor
    selector: Tensor
    sparsity: Tensor

    @classmethod
    def of(cls, terms: Sequence[LossTerms], heads: Tensor) -> TermFactors:
        """Return the factors as tensors.

        Args:
            terms: of the H heads.
            heads: a tensor of the device and dtype that they shall have.
        """
        return cls(*(heads.new_tensor(values)[:, None] for values in zip(*map(astuple, terms), strict=True)))


class Mixture(NamedTuple):
    """Eqs. 1-3 of a batch.

    Attributes:
        logits: gate activations h, ``[G, H, n_s, B]``.
        gate: their softmax c, ``[G, H, n_s, B]``.
        experts: estimates of each expert, ``[G, H, n_s, K, B]``; None for a gate alone.
        affect: their weighted sum, ``[G, H, K, B]``; None for a gate alone.
    """

    logits: Tensor
    gate: Tensor
    experts: Tensor | None
    affect: Tensor | None

    @classmethod
    def of(cls, products: Tensor, expert_count: int) -> Mixture:
        """Split and mix the products ``P z~`` of a batch.

        Args:
            products: ``[G, H, R, B]``.
            expert_count: n_s.
        """
        groups, heads, rows, size = products.shape
        logits = products[:, :, :expert_count]
        gate = torch.softmax(logits, dim=2)
        if rows == expert_count:
            return cls(logits, gate, None, None)
        experts = products[:, :, expert_count:].view(groups, heads, expert_count, -1, size)
        return cls(logits, gate, experts, (gate.unsqueeze(3) * experts).sum(dim=2))

    def losses(self, labels: Labels, factors: TermFactors) -> Tensor:
        """Return Eq. 4 of every head, float64 ``[G, H]``; the terms whose labels are missing are left out.

        Args:
            labels: of the batch.
            factors: of the terms.
        """
        loss = factors.sparsity * self.logits.abs().sum(dim=2)
        if self.affect is not None:
            loss = loss + factors.affect * (self.affect - labels.affect).square().sum(dim=2)
        if labels.subject is not None:
            own = self.logits.gather(2, labels.own_logits(self.logits)).squeeze(2)
            loss = loss + factors.selector * (self.logits.logsumexp(dim=2) - own)
        return (labels.share * loss).double().sum(dim=2)

    def gradient(self, labels: Labels, factors: TermFactors) -> Tensor:
        r"""Return the derivative of Eq. 4 by the products, ``[G, H, R, B]``.

        With a sample's share w, the factors a, l0, l1 of Eqs. 5, 6 and 7, and the one-hot subject s it is
        ``dL/dy_i^e = 2 a w c_i (y~ - y)`` and
        ``dL/dh_i = c_i (u_i - \sum_k c_k u_k) + l0 w (c_i - s_i) + l1 w sign(h_i)``, where
        ``u_i = 2 a w (y~ - y)^T y_i^e``.

        Args:
            labels: of the batch.
            factors: of the terms.
        """
        share = labels.share.unsqueeze(2)
        to_logits = self.logits.sign() * (factors.sparsity.unsqueeze(2) * share)
        if labels.subject is not None:
            weight = factors.selector.unsqueeze(2) * share
            to_logits += self.gate * weight
            places = labels.own_logits(self.logits)
            to_logits.scatter_add_(2, places, -weight.expand(places.shape))
        if self.experts is None or self.affect is None:
            return to_logits
        to_affect = ((self.affect - labels.affect) * (2 * factors.affect.unsqueeze(2) * share)).unsqueeze(2)
        to_experts = self.gate.unsqueeze(3) * to_affect
        through_gate = self.gate * (self.experts * to_affect).sum(dim=3)
        to_logits += through_gate - self.gate * through_gate.sum(dim=2, keepdim=True)
        return torch.cat([to_logits, to_experts.flatten(2, 3)], dim=2)
