"""The posterior of :mod:`pen_mobile.models.posterior` for many people at once, in float64.

Everything that depends on a person is a Gram matrix of labels, so people, candidates and targets are one batch of
``[B, C, K, N, N]`` systems. The reference there explains the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pen_mobile.contract.adaptation_report import ALIKE_VARIANCE, ReportRow, Verdict
from pen_mobile.models.label_set import SAME_INSTANT_S
from pen_mobile.models.prior import (
    DISORDER_VARIANCE,
    FOLDS,
    LEARNED,
    NOT_ADAPTED,
    OWN_MEAN,
    ROUGHNESS_STRENGTH,
    Prior,
)

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """Labels of B people, padded to N each, float64.

    Attributes:
        f: the shipped head's output minus its mean over source people, ``[B, N, K]``.
        gram: ``X X^T`` of decorrelated features, ``[B, N, N]``.
        y: labels, ``[B, N, K]``.
        weight: of each label, ``[B, N]``; 0 is padding.
        time: seconds, ``[B, N]``.
    """

    f: Tensor
    gram: Tensor
    y: Tensor
    weight: Tensor
    time: Tensor

    @property
    def count(self) -> Tensor:
        """Number of labels of each person without padding, ``[B]``."""
        return (self.weight > 0).sum(dim=1)

    @property
    def share(self) -> Tensor:
        """Weights that sum to 1, ``[B, 1, N]``."""
        return (self.weight / self.weight.sum(dim=1, keepdim=True).clamp(min=_TINY))[:, None]

    def part(self, start: int, stop: int) -> LabelBatch:
        """Return some of the people."""
        return LabelBatch(*(getattr(self, field.name)[start:stop] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior means of B people, averaged over candidates.

    Attributes:
        level, gain: ``[B, K]``.
        alpha: weights of x are ``X^T alpha``, ``[B, N, K]``.
        gain_alone, gain_alone_variance: gain that the labels show when only gain and level are estimated, and the
            variance of that, ``[B, K]``; what the label check looks at.
        roughness, disorder: see :class:`CandidatePosteriors`.
        report: rows of :class:`~pen_mobile.contract.adaptation_report.ReportRow`, ``[B, R, K]``.
    """

    level: Tensor
    gain: Tensor
    alpha: Tensor
    gain_alone: Tensor
    gain_alone_variance: Tensor
    roughness: Tensor
    disorder: Tensor
    report: Tensor


@dataclass(frozen=True, eq=False)
class CandidatePosteriors:
    """Posterior means of B people under each candidate.

    Attributes:
        level, gain: ``[B, C, K]``.
        alpha: weights of x are ``X^T alpha``, ``[B, C, K, N]``.
        left_out: errors of each label when its stretch of time is left out, ``[B, C, K, N]``.
        log_density: of these errors, ``[B, C, K]``.
        votes: of each label, ``[B, K, N]``.
        gain_alone, gain_alone_variance: see :class:`Posterior`.
        roughness: squared Mahalanobis length of the labels under *own mean* in relation to their variance, ``[B, K]``.
        disorder: the same of their differences from their mean, in relation to its mean over all orders of the labels,
            ``[B, K]``.
        surprise: squared Mahalanobis length of the labels under *learned*, divided by their number, ``[B, K]``.
    """

    level: Tensor
    gain: Tensor
    alpha: Tensor
    left_out: Tensor
    log_density: Tensor
    votes: Tensor
    gain_alone: Tensor
    gain_alone_variance: Tensor
    roughness: Tensor
    disorder: Tensor
    surprise: Tensor


def posterior(prior: Prior, labels: LabelBatch) -> Posterior:
    """Return the posterior of each person.

    Args:
        prior: learned from source people.
        labels: of B people.
    """
    numbers, found = _Numbers.of(prior), candidate_posteriors(prior, labels)
    probability = cautious(prior, torch.softmax(numbers.log_weight + found.log_density, dim=1), found.votes)
    level, gain = (torch.einsum("bck,bck->bk", probability, value) for value in (found.level, found.gain))
    alpha = torch.einsum("bck,bckn->bnk", probability, found.alpha)
    moved = level[:, None] + gain[:, None] * labels.f + labels.gram @ alpha - labels.f - numbers.output_mean
    adapted = torch.einsum("bck,bckn->bkn", probability, found.left_out)
    errors = found.left_out[:, NOT_ADAPTED], found.left_out[:, OWN_MEAN], adapted
    apart = found.gain_alone - numbers.check_gain
    check = apart / (numbers.check_variance + numbers.check_inflation * found.gain_alone_variance).sqrt()
    report = _report(numbers, found.votes, errors, moved.transpose(1, 2), check)
    rows = {ReportRow.LEVEL: level, ReportRow.GAIN: gain}
    terms = labels.count[:, None].clamp(min=1).double() ** -torch.tensor([0.0, 0.5, 1.0]).double()
    rough = found.roughness.mean(dim=1) / (terms[:, ::2] @ numbers.roughness_limit)
    disorder = found.disorder.mean(dim=1) / (terms @ numbers.disorder_limit)
    rows[ReportRow.ROUGHNESS] = torch.maximum(rough, disorder)[:, None].expand_as(level)
    rows[ReportRow.ROUGHNESS_LIMIT] = torch.ones_like(level)
    rows[ReportRow.SURPRISE] = found.surprise
    rows[ReportRow.SURPRISE_LIMIT] = (terms @ numbers.surprise_limit)[:, None].expand_as(level)
    rows |= {ReportRow.WEIGHT_NOT_ADAPTED: probability[:, 0], ReportRow.WEIGHT_OWN_MEAN: probability[:, 1]}
    for row, value in rows.items():
        report[:, row] = value
    report[:, ReportRow.SPREAD] = _variances(labels).sum(dim=1, keepdim=True).sqrt()
    report[:, ReportRow.VERDICT] = _verdicts(numbers, report, labels)
    of_labels = found.gain_alone, found.gain_alone_variance, found.roughness, found.disorder
    return Posterior(level, gain, alpha, *of_labels, report)


def cautious(prior: Prior, probability: Tensor, votes: Tensor) -> Tensor:
    """Return probabilities ``[B, C, K]`` of which few effective labels give a share back to *not adapted*.

    Args:
        prior: whose caution counts.
        probability: of the candidates, ``[B, C, K]``.
        votes: of each label, ``[B, K, N]``.
    """
    total, references = votes.sum(dim=2)[:, None], torch.zeros_like(probability)
    references[:, NOT_ADAPTED] = 1
    kept = total / (total + torch.from_numpy(prior.caution)).clamp(min=_TINY)
    return kept * probability + (1 - kept) * references


def candidate_posteriors(prior: Prior, labels: LabelBatch) -> CandidatePosteriors:
    """Return the posterior of each person under each candidate.

    Args:
        prior: learned from source people.
        labels: of B people.
    """
    numbers = _Numbers.of(prior)
    present = (labels.weight > 0).double()
    apart = labels.time[:, :, None] - labels.time[:, None]
    later = (apart / (2 * SAME_INSTANT_S) + 0.5).clamp(0, 1)
    alike = torch.exp(-apart.abs()[:, None] / numbers.noise_length[:, None, None])  # [B, K, N, N]
    votes = present[:, None] / ((alike @ present[:, None, :, None]).squeeze(3) + (1 - present)[:, None])  # [B, K, N]
    return _candidates(numbers, labels, alike, votes, _stretches(later, votes))


@dataclass(frozen=True, eq=False)
class _Numbers:
    """The numbers of a prior as tensors."""

    output_mean: Tensor
    noise_length: Tensor
    error_variance: Tensor
    evidence_strength: Tensor
    log_weight: Tensor
    level_mean: Tensor
    level_variance: Tensor
    gain_mean: Tensor
    gain_variance: Tensor
    weight_variance: Tensor
    noise_variance: Tensor
    shared_noise_variance: Tensor
    check_gain: Tensor
    check_variance: Tensor
    check_inflation: Tensor
    check_limit: Tensor
    joint_check_limit: Tensor
    roughness_limit: Tensor
    disorder_limit: Tensor
    surprise_limit: Tensor
    alike_from: Tensor
    error_limit: Tensor
    margin: Tensor

    @classmethod
    def of(cls, prior: Prior) -> _Numbers:
        return cls(*(torch.from_numpy(getattr(prior, field.name)) for field in fields(cls)))


def _stretches(later: Tensor, votes: Tensor) -> Tensor:
    """Return the stretch of time of each label, ``[B, K, N, FOLDS]``, 0 or 1."""
    total = votes.sum(dim=2, keepdim=True).clamp(min=_TINY)
    place = (later[:, None] @ votes[..., None]).squeeze(3) / total
    number = (FOLDS * place).floor().clamp(0, FOLDS - 1)
    return (number[..., None] == torch.arange(FOLDS)).double() * (votes > 0).double()[..., None]


def _candidates(
    numbers: _Numbers, labels: LabelBatch, alike: Tensor, votes: Tensor, stretch: Tensor
) -> CandidatePosteriors:
    root = labels.weight.sqrt()[:, None, None]  # [B, 1, 1, N]
    roots = root[..., None] * root[..., None, :]
    f = labels.f.transpose(1, 2)[:, None]  # [B, 1, K, N]

    def each(values: Tensor, extra: int) -> Tensor:
        """Give numbers ``[C, K]`` dimensions to the right."""
        return values.reshape(*values.shape, *[1] * extra)

    signal = each(numbers.level_variance, 2) + each(numbers.gain_variance, 2) * (f[..., None] * f[..., None, :])
    signal = (signal + each(numbers.weight_variance, 2) * labels.gram[:, None, None]) * roots
    noise = each(numbers.shared_noise_variance, 2) * alike[:, None] * roots
    noise = noise + torch.diag_embed(each(numbers.noise_variance, 1).expand(*noise.shape[:1], -1, -1, noise.shape[-1]))
    inverse = torch.linalg.inv(signal + noise)
    expected = each(numbers.level_mean, 1) + each(numbers.gain_mean, 1) * f
    residual = root * (labels.y.transpose(1, 2)[:, None] - expected)
    u = (inverse @ residual[..., None]).squeeze(-1)
    stretch = stretch[:, None]
    member = stretch.sum(dim=-1)
    within = torch.linalg.inv(inverse * (stretch @ stretch.mT) + torch.diag_embed(1 - member))
    without = u[..., None] - inverse @ (stretch * (within @ u[..., None]))
    left_out = (residual - ((signal @ without) * stretch).sum(dim=-1)) * member / root.clamp(min=_TINY)
    alpha = root * u
    gain_alone, its_variance = _gain_alone((root * f)[:, 0], residual[:, OWN_MEAN], inverse[:, OWN_MEAN])
    return CandidatePosteriors(
        level=numbers.level_mean + numbers.level_variance * alpha.sum(dim=-1),
        gain=numbers.gain_mean + numbers.gain_variance * (f * alpha).sum(dim=-1),
        alpha=each(numbers.weight_variance, 1) * alpha,
        left_out=left_out,
        log_density=_log_density(numbers, votes, left_out),
        votes=votes,
        gain_alone=gain_alone,
        gain_alone_variance=its_variance,
        roughness=_roughness(numbers, labels, (residual * u)[:, OWN_MEAN].sum(dim=-1)),
        disorder=_disorder(labels, inverse[:, OWN_MEAN]),
        surprise=(residual * u)[:, LEARNED].sum(dim=-1) / labels.count[:, None].clamp(min=1),
    )


def _log_density(numbers: _Numbers, votes: Tensor, left_out: Tensor) -> Tensor:
    strength = numbers.evidence_strength
    squares = (votes[:, None] * left_out.square()).sum(dim=3) + strength * numbers.error_variance
    return -0.5 * (votes.sum(dim=2)[:, None] + strength) * torch.log(squares)


def _gain_alone(f: Tensor, residual: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gain and its variance when nothing but gain and level is estimated, ``[B, K]`` each."""
    solved = (inverse @ f[..., None]).squeeze(-1)
    precision = (f * solved).sum(dim=-1).clamp(min=_TINY)
    return (solved * residual).sum(dim=-1) / precision, 1 / precision


def _report(
    numbers: _Numbers, votes: Tensor, errors: tuple[Tensor, Tensor, Tensor], moved: Tensor, check: Tensor
) -> Tensor:
    report = votes.new_zeros(len(votes), len(ReportRow), votes.shape[1])
    count = votes.sum(dim=2)
    total = count.clamp(min=_TINY)

    def mean(values: Tensor) -> Tensor:
        return (votes * values).sum(dim=2) / total

    before, own, after = (mean(error.square()).sqrt() for error in errors)
    differences = errors[2].square() - errors[0].square()
    squares = (votes * (differences - mean(differences)[..., None]).square()).sum(dim=2)
    strength = numbers.evidence_strength
    variance = (squares + strength * numbers.error_variance.square()) / (total + strength)
    rows = {
        ReportRow.ERROR_NOT_ADAPTED: before,
        ReportRow.ERROR_OWN_MEAN: own,
        ReportRow.ERROR_ADAPTED: after,
        ReportRow.UNCERTAINTY: (variance / (total - 1).clamp(min=0.01)).sqrt() / (before + after).clamp(min=1e-6),
        ReportRow.EFFECTIVE_LABELS: count,
        ReportRow.CHECK: check,
        ReportRow.CHECK_LIMIT: numbers.check_limit.expand_as(check),
        ReportRow.JOINT_CHECK: check.mean(dim=1, keepdim=True).expand_as(check),
        ReportRow.JOINT_CHECK_LIMIT: numbers.joint_check_limit.expand_as(check),
        ReportRow.ERROR_LIMIT: numbers.error_limit.expand_as(check),
        ReportRow.MARGIN: numbers.margin.expand_as(check),
        ReportRow.MOVED: mean(moved.square()).sqrt(),
    }
    for row, value in rows.items():
        report[:, row] = value
    return report


def _roughness(numbers: _Numbers, labels: LabelBatch, length: Tensor) -> Tensor:
    """Return the roughness of labels with some squared Mahalanobis lengths, ``[B, K]``."""
    count = labels.count[:, None]
    expected = (numbers.noise_variance + numbers.shared_noise_variance)[OWN_MEAN]
    variance = count * _variances(labels) + ROUGHNESS_STRENGTH * expected
    return length / count.clamp(min=1) * expected * (count + ROUGHNESS_STRENGTH) / variance


def _disorder(labels: LabelBatch, inverse: Tensor) -> Tensor:
    """Return the disorder of labels, given S of the own mean ``[B, K, N, N]``: ``[B, K]``."""
    root, count = labels.weight.sqrt()[:, None], labels.count[:, None]  # [B, 1, N], [B, 1]
    centred = root * _centred(labels).mT
    length, whole = (
        (inverse @ one[..., None]).squeeze(-1).mul(one).sum(dim=2) for one in (centred, root.expand_as(centred))
    )
    spread = count * (root.square() * inverse.diagonal(dim1=2, dim2=3)).sum(dim=2) - whole
    variance = _variances(labels) + DISORDER_VARIANCE
    return (count - 1).clamp(min=0) * length / (variance * spread).clamp(min=_TINY)


def _variances(labels: LabelBatch) -> Tensor:
    """Return the variance of each person's labels of each target, ``[B, K]``."""
    return (labels.share @ _centred(labels).square())[:, 0]


def _centred(labels: LabelBatch) -> Tensor:
    """Return each person's labels minus their mean, ``[B, N, K]``."""
    return labels.y - labels.share @ labels.y


def _verdicts(numbers: _Numbers, report: Tensor, labels: LabelBatch) -> Tensor:
    count = labels.count
    worse = report[:, ReportRow.ERROR_ADAPTED] - report[:, ReportRow.ERROR_NOT_ADAPTED]
    allowed = numbers.margin + numbers.error_limit * report[:, ReportRow.UNCERTAINTY]
    verdict = torch.where(worse > allowed, float(Verdict.WORSE_LEFT_OUT), float(Verdict.ADAPTED))
    surprise = report[:, ReportRow.SURPRISE].amax(dim=1, keepdim=True)
    verdict = torch.where(surprise > report[:, ReportRow.SURPRISE_LIMIT], float(Verdict.SURPRISING), verdict)
    rough = report[:, ReportRow.ROUGHNESS] > report[:, ReportRow.ROUGHNESS_LIMIT]
    verdict = torch.where(rough, float(Verdict.TOO_ROUGH), verdict)
    low = report[:, ReportRow.CHECK] < report[:, ReportRow.CHECK_LIMIT]
    low |= report[:, ReportRow.JOINT_CHECK] < report[:, ReportRow.JOINT_CHECK_LIMIT]
    verdict = torch.where(low, float(Verdict.CONTRADICTS_HEAD), verdict)
    alike = (_variances(labels).sum(dim=1) < ALIKE_VARIANCE) & (count >= numbers.alike_from)
    verdict = torch.where(alike[:, None], float(Verdict.ALL_ALIKE), verdict)
    return torch.where(count[:, None] > 0, verdict, float(Verdict.NO_LABELS))
