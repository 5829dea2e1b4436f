"""Eqs. 1 to 8 and their derivatives for many heads side by side, written out by hand.

Products of a batch are ``[G, H, R, B]``: G sets of rows with H heads on each, R rows of a head (n_s of the gate, then
K of each expert), B samples last, where they are fastest. A head with gate rows alone has no estimates.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


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


class TermFactors(NamedTuple):
    """Factors of Eqs. 5, 6 and 7 for each of H heads, ``[H, 1]``."""

    affect: Tensor
    selector: Tensor
    sparsity: Tensor


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


def mixture(products: Tensor, expert_count: int) -> Mixture:
    """Split and mix the products ``P z~`` of a batch (Eqs. 1-3).

    Args:
        products: ``[G, H, R, B]``.
        expert_count: n_s.
    """
    groups, heads, rows, size = products.shape
    logits = products[:, :, :expert_count]
    gate = torch.softmax(logits, dim=2)
    if rows == expert_count:
        return Mixture(logits, gate, None, None)
    experts = products[:, :, expert_count:].view(groups, heads, expert_count, -1, size)
    return Mixture(logits, gate, experts, (gate.unsqueeze(3) * experts).sum(dim=2))


def head_losses(mixed: Mixture, labels: Labels, factors: TermFactors) -> Tensor:
    """Return Eq. 4 of every head, float64 ``[G, H]``; the terms whose labels are missing are left out.

    Args:
        mixed: of the batch.
        labels: of the batch.
        factors: of the terms.
    """
    loss = factors.sparsity * mixed.logits.abs().sum(dim=2)
    if mixed.affect is not None:
        loss = loss + factors.affect * (mixed.affect - labels.affect).square().sum(dim=2)
    if labels.subject is not None:
        own = mixed.logits.gather(2, labels.subject.expand(*mixed.logits.shape[:2], 1, -1)).squeeze(2)
        loss = loss + factors.selector * (mixed.logits.logsumexp(dim=2) - own)
    return (labels.share * loss).double().sum(dim=2)


def product_gradient(mixed: Mixture, labels: Labels, factors: TermFactors) -> Tensor:
    r"""Return the derivative of Eq. 4 by the products, ``[G, H, R, B]``.

    With a sample's share w, the factors a, l0, l1 of Eqs. 5, 6 and 7, and the one-hot subject s it is
    ``dL/dy_i^e = 2 a w c_i (y~ - y)`` and
    ``dL/dh_i = c_i (u_i - \sum_k c_k u_k) + l0 w (c_i - s_i) + l1 w sign(h_i)``, where
    ``u_i = 2 a w (y~ - y)^T y_i^e``.

    Args:
        mixed: of the batch.
        labels: of the batch.
        factors: of the terms.
    """
    share = labels.share.unsqueeze(2)
    to_logits = mixed.logits.sign() * (factors.sparsity.unsqueeze(2) * share)
    if labels.subject is not None:
        weight = factors.selector.unsqueeze(2) * share
        to_logits += mixed.gate * weight
        places = labels.subject.expand(*mixed.logits.shape[:2], 1, -1)
        to_logits.scatter_add_(2, places, -weight.expand(places.shape))
    if mixed.experts is None or mixed.affect is None:
        return to_logits
    to_affect = ((mixed.affect - labels.affect) * (2 * factors.affect.unsqueeze(2) * share)).unsqueeze(2)
    to_experts = mixed.gate.unsqueeze(3) * to_affect
    through_gate = mixed.gate * (mixed.experts * to_affect).sum(dim=3)
    to_logits += through_gate - mixed.gate * through_gate.sum(dim=2, keepdim=True)
    return torch.cat([to_logits, to_experts.flatten(2, 3)], dim=2)
