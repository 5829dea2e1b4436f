"""The report of the method ``adapt``: errors on time left out, the label check, and a verdict for each target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pen_mobile.bundle.programs.label_times import TINY, constant
from pen_mobile.contract.adaptation_report import ALIKE_VARIANCE, ReportRow, Verdict
from pen_mobile.models.prior import (
    DISORDER_VARIANCE,
    LEARNED,
    NOT_ADAPTED,
    OWN_MEAN,
    ROUGHNESS_STRENGTH,
    Prior,
)

_STEEP = 1e30
_LEAST_FREEDOM, _LEAST_ERROR = 0.01, 1e-6


class Evidence(NamedTuple):
    """What a report is computed from; K targets, C candidates, N labels.

    Attributes:
        changes: errors left out: not adapted, own mean, adapted; and the change of the output, ``[K, 4, N]``.
        votes, total: of each label and together, ``[K, 1, N]`` and ``[K, 1, 1]``.
        present: 1 for a label, 0 for padding, ``[1, N, 1]``.
        identity: I, ``[1, N, N]``.
        f: the shipped head's output minus its mean, times the root of the weight, ``[K, 1, N]``.
        own_inverse: S of the candidate *own mean* times its noise variance, ``[K, N, N]``.
        own_u: u of that candidate times its noise variance, ``[K, 1, N]``.
        lengths: parts of the labels' squared Mahalanobis lengths under *own mean* and *learned*, times the noise
            variance of each, ``[K, 2, N]``.
        y: labels, ``[K, 1, N]``.
        root: of the weight, ``[1, 1, N]``.
        level, gain: posterior means, ``[K, 1, 1]``.
        probability: of the candidates, ``[K, 1, C]``.
    """

    changes: Tensor
    votes: Tensor
    total: Tensor
    present: Tensor
    identity: Tensor
    f: Tensor
    own_inverse: Tensor
    own_u: Tensor
    lengths: Tensor
    y: Tensor
    root: Tensor
    level: Tensor
    gain: Tensor
    probability: Tensor


class _Checks(NamedTuple):
    """What the labels themselves are like, ``[K, 1, 1]`` each: rows of the report, and the variance of all targets."""

    gain: Tensor
    joint: Tensor
    rough: Tensor
    surprise: Tensor
    surprise_limit: Tensor
    variance: Tensor


class AdaptReport(nn.Module):
    """``Evidence -> (report [1, R, K], adapted [1, K, 1])``, with the rows of :class:`ReportRow`."""

    def __init__(self, prior: Prior, labels: int) -> None:
        """Make the constants.

        Args:
            prior: whose limits count.
            labels: N.
        """
        super().__init__()
        k = prior.targets
        own_noise = prior.noise_variance[OWN_MEAN]
        expected = own_noise + prior.shared_noise_variance[OWN_MEAN]
        columns = {
            "check_gain": prior.check_gain,
            "check_variance": prior.check_variance,
            "check_noise": prior.check_inflation * own_noise,
            "check_limit": prior.check_limit,
            "joint_limit": prior.joint_check_limit.repeat(k),
            "error_limit": prior.error_limit,
            "margin": prior.margin.repeat(k),
            "expected_squares": prior.evidence_strength[0] * prior.error_variance**2,
            "strength": prior.evidence_strength.repeat(k),
            "rough_variance": ROUGHNESS_STRENGTH * expected,
        }
        for name, values in columns.items():
            self.register_buffer(name, constant(values, k, 1, 1))
        self.register_buffer("one_each", torch.ones(k, 1, 1))
        scales = np.stack([expected / own_noise, 1 / prior.noise_variance[LEARNED]], axis=1)
        self.register_buffer("length_scales", constant(scales, k, 2, 1))
        rough = np.insert(prior.roughness_limit, 1, 0.0)
        limits = np.tile([rough, prior.disorder_limit, prior.surprise_limit], (k, 1))
        self.register_buffer("limits", constant(limits, 3 * k, 3))
        self.register_buffer("mean_targets", torch.full((1, k, k), 1 / k))
        self.register_buffer("sum_targets", torch.ones(1, k, k))
        self.register_buffer("fewest_alike", constant(prior.alike_from - 0.5, 1, 1, 1))
        self.register_buffer("sum_labels", torch.ones(1, labels))
        self.register_buffer("one", torch.ones(1, 1, 1))

    check_gain: Tensor
    check_variance: Tensor
    check_noise: Tensor
    check_limit: Tensor
    joint_limit: Tensor
    error_limit: Tensor
    margin: Tensor
    expected_squares: Tensor
    strength: Tensor
    rough_variance: Tensor
    one_each: Tensor
    length_scales: Tensor
    limits: Tensor
    sum_targets: Tensor
    fewest_alike: Tensor
    mean_targets: Tensor
    sum_labels: Tensor
    one: Tensor

    def forward(self, evidence: Evidence) -> tuple[Tensor, Tensor]:
        """Judge.

        Args:
            evidence: of all targets.
        """
        total = torch.clamp(evidence.total, min=TINY)
        squares = evidence.changes * evidence.changes
        mean_squares = functional.linear(squares * evidence.votes, self.sum_labels) / total
        roots = torch.sqrt(mean_squares)
        before, after = roots[:, :1], roots[:, 2:3]
        uncertainty = self._spread(squares, mean_squares, evidence.votes, total) / torch.clamp(
            before + after, min=_LEAST_ERROR
        )
        count = functional.linear(evidence.present.transpose(1, 2), self.sum_labels)
        checks = self._checks(evidence, count)
        alike = _above(torch.minimum(ALIKE_VARIANCE - checks.variance, count - self.fewest_alike))
        low = _above(torch.maximum(self.check_limit - checks.gain, self.joint_limit - checks.joint))
        worse = _above(after - before - self.error_limit * uncertainty - self.margin)
        surprising = _above(checks.surprise - checks.surprise_limit)
        any_surprising = torch.clamp(_over_targets(surprising, self.sum_targets), 0.0, 1.0)
        verdict = _verdict(count, (worse, any_surprising, _above(checks.rough - self.one_each), low, alike))
        by_row = {
            ReportRow.VERDICT: verdict,
            ReportRow.ERROR_NOT_ADAPTED: before,
            ReportRow.ERROR_OWN_MEAN: roots[:, 1:2],
            ReportRow.ERROR_ADAPTED: after,
            ReportRow.UNCERTAINTY: uncertainty,
            ReportRow.EFFECTIVE_LABELS: evidence.total,
            ReportRow.CHECK: checks.gain,
            ReportRow.CHECK_LIMIT: self.check_limit,
            ReportRow.JOINT_CHECK: checks.joint,
            ReportRow.JOINT_CHECK_LIMIT: self.joint_limit,
            ReportRow.MOVED: roots[:, 3:],
            ReportRow.LEVEL: evidence.level,
            ReportRow.GAIN: evidence.gain,
            ReportRow.WEIGHT_NOT_ADAPTED: evidence.probability[:, :, NOT_ADAPTED : NOT_ADAPTED + 1],
            ReportRow.WEIGHT_OWN_MEAN: evidence.probability[:, :, OWN_MEAN : OWN_MEAN + 1],
            ReportRow.ERROR_LIMIT: self.error_limit,
            ReportRow.MARGIN: self.margin,
            ReportRow.ROUGHNESS: checks.rough,
            ReportRow.ROUGHNESS_LIMIT: self.one_each,
            ReportRow.SPREAD: torch.sqrt(checks.variance),
            ReportRow.SURPRISE: checks.surprise,
            ReportRow.SURPRISE_LIMIT: checks.surprise_limit,
        }
        report = torch.cat([by_row[row] for row in ReportRow], dim=1).permute(2, 1, 0)
        return report, torch.clamp(self.one - verdict, 0.0, 1.0).reshape(1, -1, 1)

    def _checks(self, evidence: Evidence, count: Tensor) -> _Checks:
        """Compare the labels with honest ones, whatever adapting does with them."""
        some = torch.clamp(count, min=1.0)
        limits = self._limits_of(some)
        variances, centred = self._variances(evidence)
        gain, disorder = self._gain_and_disorder(evidence, centred, variances, count)
        lengths = functional.linear(evidence.lengths, self.sum_labels) / some * self.length_scales
        relation = (count + ROUGHNESS_STRENGTH) / (variances * count + self.rough_variance)
        shares = torch.cat([lengths[:, :1] * relation, disorder], dim=1) / limits[:, :2]
        shares = _over_targets(shares, self.mean_targets)
        return _Checks(
            gain=gain,
            joint=_over_targets(gain, self.mean_targets),
            rough=torch.maximum(shares[:, :1], shares[:, 1:]),
            surprise=lengths[:, 1:],
            surprise_limit=limits[:, 2:],
            variance=_over_targets(variances, self.sum_targets),
        )

    def _limits_of(self, count: Tensor) -> Tensor:
        """Return what roughness, disorder and surprise may be with so many labels ``[1, 1, 1]``: ``[K, 3, 1]``."""
        terms = torch.cat([self.one, self.one / torch.sqrt(count), self.one / count], dim=2)
        return functional.linear(terms, self.limits).reshape(-1, 3, 1)

    def _spread(self, squares: Tensor, mean_squares: Tensor, votes: Tensor, total: Tensor) -> Tensor:
        """Return the standard error of the mean difference of squared errors, adapted and not, ``[K, 1, 1]``."""
        centred = squares - mean_squares
        difference = centred[:, 2:3] - centred[:, :1]
        spread = functional.linear(difference * difference * votes, self.sum_labels)
        variance = (spread + self.expected_squares) / (total + self.strength)
        return torch.sqrt(variance / torch.clamp(total - self.one, min=_LEAST_FREEDOM))

    def _gain_and_disorder(
        self, evidence: Evidence, centred: Tensor, variances: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return two properties of the labels ``[K, 1, 1]``, which share a product.

        How far the gain that labels alone suggest is from honest people's, in deviations; and the squared length of
        their differences from their mean, in relation to its mean over all orders.
        """
        f, root, inverse = evidence.f, self.one_each * evidence.root, evidence.own_inverse
        rows = torch.cat([f, centred * root, root], dim=1)
        lengths = functional.linear(torch.bmm(rows, inverse) * rows, self.sum_labels)
        precision = torch.clamp(lengths[:, :1], min=TINY)
        apart = functional.linear(f * evidence.own_u, self.sum_labels) / precision - self.check_gain
        gain = apart / torch.sqrt(self.check_noise / precision + self.check_variance)
        trace = torch.bmm(root * root, functional.linear(inverse * evidence.identity, self.sum_labels))
        spread = (trace * count - lengths[:, 2:]) * (variances + DISORDER_VARIANCE)
        return gain, lengths[:, 1:2] * (count - self.one) / torch.clamp(spread, min=TINY)

    def _variances(self, evidence: Evidence) -> tuple[Tensor, Tensor]:
        """Return the variance of the labels of each target, ``[K, 1, 1]``, and the labels minus their mean."""
        weight = evidence.root * evidence.root
        share = weight / torch.clamp(functional.linear(weight, self.sum_labels), min=TINY)
        centred = evidence.y - functional.linear(evidence.y * share, self.sum_labels)
        return functional.linear(centred * centred * share, self.sum_labels), centred


_LATER_COUNT_MORE = (
    Verdict.WORSE_LEFT_OUT,
    Verdict.SURPRISING,
    Verdict.TOO_ROUGH,
    Verdict.CONTRADICTS_HEAD,
    Verdict.ALL_ALIKE,
)


def _verdict(count: Tensor, holds: tuple[Tensor, ...]) -> Tensor:
    """Return the number of the last of :data:`_LATER_COUNT_MORE` that holds, ``[K, 1, 1]``."""
    verdict = holds[0] * float(_LATER_COUNT_MORE[0])
    for one, number in zip(holds[1:], _LATER_COUNT_MORE[1:], strict=True):
        verdict = verdict + (float(number) - verdict) * one
    none = float(Verdict.NO_LABELS)
    return (verdict - none) * torch.clamp(count, 0.0, 1.0) + none


def _over_targets(values: Tensor, weights: Tensor) -> Tensor:
    """Return weighted sums over targets of ``[K, M, 1]``, the same for each of them."""
    k, m, _ = values.shape
    return torch.bmm(weights, values.reshape(1, k, m)).reshape(k, m, 1)


def _above(values: Tensor) -> Tensor:
    """Return 1 where values are above 0, else 0."""
    return torch.clamp(values * _STEEP, 0.0, 1.0)
