"""The candidates of a prior, in the method ``adapt``: the posterior of each, and its probability.

The mathematics is that of :mod:`pen_mobile.models.posterior`, with covariances divided by ``noise_variance``: then no
eigenvalue is below 1, and float32 is enough. Candidates and targets are one batch of K C problems.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pen_mobile.bundle.programs.inverse import Inverse
from pen_mobile.bundle.programs.label_times import TINY, LabelTimes, constant
from pen_mobile.models.prior import FOLDS, NOT_ADAPTED, Prior

_LARGEST_OUTPUT = 4.0  # of a head, in label units; decides how badly conditioned a covariance may be
_LARGEST_CONDITION = 2.0**20  # float32 has no more


class Labels(NamedTuple):
    """One person's labels.

    Attributes:
        s: standardised features, ``[1, N, D_z]``.
        gram: products of decorrelated features, ``[1, N, N]``.
        f: output of the shipped head minus its mean, ``[K, 1, N]``.
        y: ``[K, 1, N]``.
        present, root: 1 and the square root of the weight, 0 and 0 for padding, ``[1, N, 1]``.
        root_row: ``[1, 1, N]``.
        identity: I ``[1, N, N]``.
    """

    s: Tensor
    gram: Tensor
    f: Tensor
    y: Tensor
    present: Tensor
    root: Tensor
    root_row: Tensor
    identity: Tensor


class Fits(NamedTuple):
    """Posteriors of all candidates; what was multiplied by ``noise_variance`` is named *scaled*.

    Attributes:
        scaled_inverse: S, ``[K C, N, N]``.
        scaled_u: ``[K, C, N]``.
        residual: labels minus what the candidate expects, times the root of the weight, ``[K, C, N]``.
        left_out: errors on time left out, ``[K, C, N]``.
        probability: of the candidates, ``[K, 1, C]``.
        level, gain: posterior means over all candidates, ``[K, 1, 1]``.
        mixed: combination of labels that moves the weights, over all candidates, ``[1, K, N]``.
    """

    scaled_inverse: Tensor
    scaled_u: Tensor
    residual: Tensor
    left_out: Tensor
    probability: Tensor
    level: Tensor
    gain: Tensor
    mixed: Tensor


class Candidates(nn.Module):
    """``(Labels, LabelTimes) -> Fits``."""

    def __init__(self, prior: Prior, labels: int) -> None:
        """Make the constants.

        Args:
            prior: whose candidates they are.
            labels: N.
        """
        super().__init__()
        self.labels, self.targets, self.count = labels, prior.targets, prior.candidates
        self.inverse = Inverse(labels, _condition(prior, labels))
        k, c = prior.targets, prior.candidates
        ratios = {
            "level_ratio": prior.level_variance,
            "gain_ratio": prior.gain_variance,
            "weight_ratio": prior.weight_variance,
            "shared_ratio": prior.shared_noise_variance,
        }
        for name, values in ratios.items():
            self.register_buffer(name, constant((values / prior.noise_variance).T, k, c, 1))
        for name in ("level_mean", "gain_mean", "log_weight"):
            self.register_buffer(name, constant(getattr(prior, name).T, k, c, 1))
        self.register_buffer("caution", constant(np.maximum(prior.caution, TINY), k, 1, 1))
        self.register_buffer("not_adapted", constant(np.arange(c) == NOT_ADAPTED, 1, 1, c))
        self.register_buffer("strength", constant(prior.evidence_strength, 1, 1, 1))
        self.register_buffer("expected_squares", constant(prior.evidence_strength * prior.error_variance, k, 1, 1))
        self.register_buffer("one", torch.ones(1, 1, 1))
        self.register_buffer("sum_labels", torch.ones(1, labels))
        self.register_buffer("sum_folds", torch.ones(1, FOLDS))

    level_ratio: Tensor
    gain_ratio: Tensor
    weight_ratio: Tensor
    shared_ratio: Tensor
    level_mean: Tensor
    gain_mean: Tensor
    log_weight: Tensor
    caution: Tensor
    not_adapted: Tensor
    strength: Tensor
    expected_squares: Tensor
    one: Tensor
    sum_labels: Tensor
    sum_folds: Tensor

    def forward(self, labels: Labels, times: LabelTimes) -> Fits:
        """Compute the posteriors.

        Args:
            labels: of one person.
            times: of the same labels.
        """
        n, k, c = self.labels, self.targets, self.count
        signal, covariance = self._covariances(labels, times)
        residual = (labels.y - self.level_mean - self.gain_mean * labels.f) * labels.root_row
        multiples = self.inverse.multiples(labels.identity)
        inverse = self.inverse(covariance, self._unit(covariance), multiples)
        u = _solved(covariance, inverse, residual.reshape(k * c, n, 1))
        blocks = inverse.reshape(k, c, n, n) * times.same + labels.identity * (self.one - labels.present)
        within = self.inverse(blocks.reshape(k * c, n, n), self.one, multiples)
        left = (times.stretch * torch.bmm(within, u).reshape(k, c, n, 1)).reshape(k * c, n, FOLDS)
        without = torch.bmm(signal, u - torch.bmm(inverse, left)).reshape(k, c, n, FOLDS)
        answered = functional.linear(without * times.stretch, self.sum_folds).reshape(k, c, n)
        left_out = (residual - answered) / torch.clamp(labels.root_row, min=TINY)  # padding has 0 above
        probability = self._probability(left_out, times)
        scaled_u = u.reshape(k, c, n)
        alpha = scaled_u * labels.root_row
        level, gain, mixed = self._averages(labels, alpha, probability)
        return Fits(inverse, scaled_u, residual, left_out, probability, level, gain, mixed)

    def _covariances(self, labels: Labels, times: LabelTimes) -> tuple[Tensor, Tensor]:
        """Return the covariances of signals, and of labels, ``[K C, N, N]`` each."""
        n, k = self.labels, self.targets
        roots = torch.bmm(labels.root, labels.root_row)
        outer = torch.bmm(labels.f.reshape(k, n, 1), labels.f).reshape(k, 1, n, n)
        level, gain, weight, shared = (
            ratio.unsqueeze(3) for ratio in (self.level_ratio, self.gain_ratio, self.weight_ratio, self.shared_ratio)
        )
        signal = (gain * outer + level + weight * labels.gram) * roots
        noise = shared * (times.alike * roots)
        return signal.reshape(-1, n, n), (signal + noise).reshape(-1, n, n) + labels.identity

    def _unit(self, covariance: Tensor) -> Tensor:
        """Return 1 over a bound of the eigenvalues (Frobenius' norm), ``[K C, 1, 1]``."""
        squares = functional.linear(covariance * covariance, self.sum_labels).transpose(1, 2)
        return self.one / torch.sqrt(functional.linear(squares, self.sum_labels))

    def _probability(self, left_out: Tensor, times: LabelTimes) -> Tensor:
        """Return probabilities ``[K, 1, C]``; few effective labels give a share back to *not adapted*."""
        trusted = torch.softmax(self._density(left_out, times).reshape(self.targets, 1, self.count), dim=2)
        kept = times.total / (times.total + self.caution)
        return (trusted - self.not_adapted) * kept + self.not_adapted

    def _density(self, left_out: Tensor, times: LabelTimes) -> Tensor:
        """Return the log densities of the errors left out plus the candidates' log weights, ``[K, C, 1]``."""
        squares = functional.linear(left_out * left_out * times.votes, self.sum_labels) + self.expected_squares
        return torch.log(squares) * ((times.total + self.strength) * -0.5) + self.log_weight

    def _averages(self, labels: Labels, alpha: Tensor, probability: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return level and gain ``[K, 1, 1]``, and the labels' combination ``[1, K, N]``."""
        level = self.level_mean + self.level_ratio * functional.linear(alpha, self.sum_labels)
        gain = self.gain_mean + self.gain_ratio * torch.bmm(alpha, labels.f.reshape(self.targets, self.labels, 1))
        weighted = probability * self.weight_ratio.reshape(self.targets, 1, self.count)
        mixed = torch.bmm(weighted, alpha).reshape(1, self.targets, self.labels)
        return torch.bmm(probability, level), torch.bmm(probability, gain), mixed


def _solved(matrix: Tensor, inverse: Tensor, wanted: Tensor) -> Tensor:
    """Return x of ``matrix x = wanted``, refined once: an inverse in float32 alone is not exact enough."""
    found = torch.bmm(inverse, wanted)
    return found + torch.bmm(inverse, wanted - torch.bmm(matrix, found))


def _condition(prior: Prior, labels: int) -> float:
    """Return a bound of the covariances' condition for labels as they come."""
    signal = prior.level_variance + _LARGEST_OUTPUT**2 * prior.gain_variance
    signal = signal + prior.feature_limit[0] * prior.weight_variance + prior.shared_noise_variance
    return float(min(1 + labels * np.max(signal / prior.noise_variance), _LARGEST_CONDITION))
