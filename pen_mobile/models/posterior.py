"""Bayes' rule for a head: the posterior of a person's head under a :class:`~pen_mobile.models.prior.Prior`, in float64.

This is the reference that exported methods are compared with; every formula is a product, an inverse of a symmetric
positive matrix, an exponential or a logarithm. One target, one candidate, with ``w`` the labels' weights:

    A = sqrt(w) (level_variance + gain_variance f f^T + weight_variance X X^T + shared exp(-|dt| / length)) sqrt(w)
        + noise I,   S = A^-1,   u = S sqrt(w) (y - level_mean - gain_mean f),   alpha = sqrt(w) u
    level = level_mean + level_variance 1^T alpha,  gain = gain_mean + gain_variance f^T alpha,
    weights = weight_variance X^T alpha

*Time left out*: labels fall into five stretches. With B the blocks of S on its diagonal (1 where there is no label),
``u - S[:, F] (B^-1 u)_F`` is what u would be without the labels of a stretch F. So two inverses serve all stretches.

*Candidates* are averaged. Each is weighed by its prior probability times the density of the errors e left out, a
normal distribution of unknown variance in which labels that are close in time share a vote m (Student's t)::

    log p = -(sum_i m_i + strength) / 2 log(sum_i m_i e_i^2 + strength error_variance)

The density does not depend on the size of a candidate's noise, of which only the ratio to the other variances is known.
Few labels are not trusted as much as they say: with V votes a share ``caution / (V + caution)`` of the weight goes back
to *not adapted*, so that wrong labels of one moment move a head little.

Because the gate sums to 1, the result is a head of the same shape, exactly: ``W_i <- gain W_i + weights``,
``bias_i <- gain (bias_i - output_mean) + level - weights . feature_mean`` for every expert, and the gate stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from pen_mobile.contract.adaptation_report import ALIKE_VARIANCE, ReportRow, Verdict
from pen_mobile.models.label_checks import LabelChecks
from pen_mobile.models.label_set import TINY, LabelSet, label_set, stretches
from pen_mobile.models.prior import LEARNED, NOT_ADAPTED, OWN_MEAN, Prior
from pen_mobile.types import Doubles


def adapt(
    prior: Prior, head_parameters: Doubles, z: Doubles, y: Doubles, weight: Doubles, time: Doubles
) -> tuple[Doubles, Doubles]:
    """Return the posterior mean of a person's head, and a report about it.

    Args:
        prior: learned from source people.
        head_parameters: the *shipped* head, ``[n_s (1 + K), D_z + 1]``: gate rows, then the K rows of each expert. Not
            an adapted one, in which labels would count twice.
        z: features, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        weight: of each label, ``[N]``; 0 is padding. A label of weight w has the variance ``noise_variance / w``.
        time: seconds since any fixed moment, ``[N]``, in any order.

    Returns:
        Head parameters of the same shape, and the report ``[R, K]`` with the rows of
        :class:`~pen_mobile.contract.adaptation_report.ReportRow`.
    """
    targets = prior.targets
    expert_count = len(head_parameters) // (1 + targets)
    labels = label_set(prior, head_parameters, z, y, weight, time)
    fits = [_Target(prior, labels, k).fit() for k in range(targets)]
    report = _report(prior, labels, fits)
    adapted = head_parameters.astype(np.float64).copy()
    experts = adapted[expert_count:].reshape(expert_count, targets, -1)
    for k, fit in enumerate(fits):
        if report[ReportRow.VERDICT, k] == Verdict.ADAPTED:
            weights = _undo_standardisation(prior, fit.weights)
            experts[:, k] = fit.gain * experts[:, k]
            experts[:, k, :-1] += weights
            experts[:, k, -1] += fit.level - fit.gain * prior.output_mean[k] - weights @ prior.feature_mean
    return adapted, report


def _undo_standardisation(prior: Prior, weights: Doubles) -> Doubles:
    """Return weights of z for weights of x, ``[D_z]``."""
    directions = prior.directions
    return cast(Doubles, (weights - weights @ directions.T @ directions) * prior.feature_scale)


@dataclass(frozen=True, eq=False)
class _Fit:
    """Posterior of one target, averaged over candidates, and what happened on time left out.

    Attributes:
        level, gain, weights: posterior means; weights are those of x, ``[D_z]``.
        votes: of each label, ``[N]``: 1 alone in its time, less among neighbours, 0 for padding.
        errors: left out, ``[N]`` each: not adapted, own mean, adapted.
        moved: change of the output on the labels' moments, ``[N]``.
        check: agreement of labels and head in standard deviations of honest labels.
        roughness: squared Mahalanobis length of the labels under *own mean* in relation to their variance.
        disorder: the same of their differences from their mean, in relation to its mean over all orders of the labels.
        surprise: squared Mahalanobis length of the labels under *learned*, divided by their number.
        probability: posterior probabilities of the candidates after caution, ``[C]``.
    """

    level: float
    gain: float
    weights: Doubles
    votes: Doubles
    errors: tuple[Doubles, Doubles, Doubles]
    moved: Doubles
    check: float
    roughness: float
    disorder: float
    surprise: float
    probability: Doubles


@dataclass(frozen=True, eq=False)
class _Target:
    """One target of one person."""

    prior: Prior
    labels: LabelSet
    k: int

    def fit(self) -> _Fit:
        """Average the candidates."""
        labels, k = self.labels, self.k
        present = (labels.root > 0).astype(np.float64)
        alike = np.exp(-labels.apart / self.prior.noise_length[k])
        votes = present / (alike @ present + (1 - present))
        stretch = stretches(labels.later, votes)
        found = [self._candidate(c, alike, stretch, votes) for c in range(self.prior.candidates)]
        log = self.prior.log_weight[:, k] + np.array([one.log_density for one in found])
        probability = np.exp(log - log.max())
        probability = self._cautious(probability / probability.sum(), float(votes.sum()))
        level, gain = (float(probability @ [getattr(one, name) for one in found]) for name in ("level", "gain"))
        weights = probability @ np.stack([one.weights for one in found])
        left_out = [one.left_out for one in found]
        errors = left_out[NOT_ADAPTED], left_out[OWN_MEAN], probability @ np.stack(left_out)
        f = labels.f[:, k]
        estimate = level + gain * f + labels.x @ weights
        moved = (estimate - f - self.prior.output_mean[k]) * present
        checks = LabelChecks(self.prior, labels, k, found[OWN_MEAN].inverse)
        return _Fit(
            level=level,
            gain=gain,
            weights=weights,
            votes=votes,
            errors=errors,
            moved=moved,
            check=checks.gain_alone,
            roughness=checks.roughness,
            disorder=checks.disorder,
            surprise=found[LEARNED].length / max(labels.count, 1),
            probability=probability,
        )

    def _cautious(self, probability: Doubles, votes: float) -> Doubles:
        """Return probabilities of which a share went back to *not adapted*."""
        kept = votes / max(votes + float(self.prior.caution[self.k]), TINY)
        cautious = kept * probability
        cautious[NOT_ADAPTED] += 1 - kept
        return cautious

    def _candidate(self, c: int, alike: Doubles, stretch: Doubles, votes: Doubles) -> _Candidate:
        prior, labels, k = self.prior, self.labels, self.k
        f, x, root = labels.f[:, k], labels.x, labels.root
        level_variance, gain_variance = prior.level_variance[c, k], prior.gain_variance[c, k]
        weight_variance = prior.weight_variance[c, k]
        roots = np.outer(root, root)
        signal = (level_variance + gain_variance * np.outer(f, f) + weight_variance * (x @ x.T)) * roots
        noise = prior.shared_noise_variance[c, k] * alike * roots + prior.noise_variance[c, k] * np.eye(len(f))
        inverse = np.linalg.inv(signal + noise)
        residual = root * (labels.y[:, k] - prior.level_mean[c, k] - prior.gain_mean[c, k] * f)
        u = inverse @ residual
        alpha = root * u
        blocks = inverse * (stretch @ stretch.T) + np.diag(1.0 - stretch.sum(axis=1))
        within = np.linalg.inv(blocks)
        present = stretch.sum(axis=1)
        without = u[:, None] - inverse @ (stretch * (within @ u)[:, None])
        left_out = (residual - np.sum((signal @ without) * stretch, axis=1)) * present / np.maximum(root, TINY)
        return _Candidate(
            level=prior.level_mean[c, k] + level_variance * alpha.sum(),
            gain=prior.gain_mean[c, k] + gain_variance * (f @ alpha),
            weights=weight_variance * (x.T @ alpha),
            inverse=inverse,
            length=float(residual @ u),
            left_out=left_out,
            log_density=self._log_density(left_out, votes),
        )

    def _log_density(self, left_out: Doubles, votes: Doubles) -> float:
        strength = self.prior.evidence_strength[0]
        squares = votes @ left_out**2 + strength * self.prior.error_variance[self.k]
        return float(-0.5 * (votes.sum() + strength) * np.log(squares))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Posterior under one candidate.

    Attributes:
        level, gain, weights: posterior means.
        inverse: S, ``[N, N]``.
        length: squared Mahalanobis length of the labels.
        left_out: errors, ``[N]``.
        log_density: of these errors.
    """

    level: float
    gain: float
    weights: Doubles
    inverse: Doubles
    length: float
    left_out: Doubles
    log_density: float


def _report(prior: Prior, labels: LabelSet, fits: list[_Fit]) -> Doubles:
    report = np.zeros((len(ReportRow), len(fits)))
    for k, fit in enumerate(fits):
        votes, total = fit.votes, max(float(fit.votes.sum()), TINY)
        before, own, after = (float(np.sqrt(votes @ errors**2 / total)) for errors in fit.errors)
        report[ReportRow.ERROR_NOT_ADAPTED, k] = before
        report[ReportRow.ERROR_OWN_MEAN, k] = own
        report[ReportRow.ERROR_ADAPTED, k] = after
        report[ReportRow.UNCERTAINTY, k] = _uncertainty(prior, fit, k)
        report[ReportRow.EFFECTIVE_LABELS, k] = fit.votes.sum()
        report[ReportRow.CHECK, k] = fit.check
        report[ReportRow.CHECK_LIMIT, k] = prior.check_limit[k]
        report[ReportRow.MOVED, k] = np.sqrt(votes @ fit.moved**2 / total)
        report[ReportRow.LEVEL, k] = fit.level
        report[ReportRow.GAIN, k] = fit.gain
        report[ReportRow.WEIGHT_NOT_ADAPTED, k] = fit.probability[NOT_ADAPTED]
        report[ReportRow.WEIGHT_OWN_MEAN, k] = fit.probability[OWN_MEAN]
        report[ReportRow.ERROR_LIMIT, k] = prior.error_limit[k]
        report[ReportRow.SURPRISE, k] = fit.surprise
    report[ReportRow.JOINT_CHECK] = report[ReportRow.CHECK].mean()
    report[ReportRow.JOINT_CHECK_LIMIT] = prior.joint_check_limit[0]
    report[ReportRow.SPREAD] = np.sqrt(labels.variances.sum())
    count = max(labels.count, 1)
    terms = np.array([1, 1 / np.sqrt(count), 1 / count])
    rough = np.mean([fit.roughness for fit in fits]) / (prior.roughness_limit @ terms[::2])
    disorder = np.mean([fit.disorder for fit in fits]) / (prior.disorder_limit @ terms)
    report[ReportRow.ROUGHNESS], report[ReportRow.ROUGHNESS_LIMIT] = max(rough, disorder), 1
    report[ReportRow.SURPRISE_LIMIT] = prior.surprise_limit @ terms
    report[ReportRow.MARGIN] = prior.margin[0]
    report[ReportRow.VERDICT] = [_verdict(prior, labels, report, k) for k in range(len(fits))]
    return report


def _uncertainty(prior: Prior, fit: _Fit, k: int) -> float:
    """Return the standard error of the difference of the left-out RMSEs after and before.

    The variance of the labels' differences of squares is estimated from the labels and, like
    the density of errors, from an expectation that is worth some labels: a single label has no variance.
    """
    before, _, after = fit.errors
    total, strength = max(float(fit.votes.sum()), TINY), prior.evidence_strength[0]
    differences = after**2 - before**2
    squares = fit.votes @ (differences - fit.votes @ differences / total) ** 2
    variance = (squares + strength * prior.error_variance[k] ** 2) / (total + strength)
    sizes = sum(np.sqrt(fit.votes @ error**2 / total) for error in (before, after))
    return float(np.sqrt(variance / max(total - 1, 0.01)) / max(sizes, 1e-6))


def _verdict(prior: Prior, labels: LabelSet, report: Doubles, k: int) -> Verdict:
    column = report[:, k]
    if not labels.count:
        return Verdict.NO_LABELS
    if labels.variances.sum() < ALIKE_VARIANCE and labels.count >= prior.alike_from[0]:
        return Verdict.ALL_ALIKE
    low = column[ReportRow.CHECK] < column[ReportRow.CHECK_LIMIT]
    if low or column[ReportRow.JOINT_CHECK] < column[ReportRow.JOINT_CHECK_LIMIT]:
        return Verdict.CONTRADICTS_HEAD
    if column[ReportRow.ROUGHNESS] > column[ReportRow.ROUGHNESS_LIMIT]:
        return Verdict.TOO_ROUGH
    if report[ReportRow.SURPRISE].max() > column[ReportRow.SURPRISE_LIMIT]:
        return Verdict.SURPRISING
    worse = column[ReportRow.ERROR_ADAPTED] - column[ReportRow.ERROR_NOT_ADAPTED]
    if worse > prior.margin[0] + prior.error_limit[k] * column[ReportRow.UNCERTAINTY]:
        return Verdict.WORSE_LEFT_OUT
    return Verdict.ADAPTED
