"""Limits of the guard, calibrated on source people instead of guessed.

Every simulated adaptation of a source person is an honest label set, judged by a head that has not seen the person. The
limit of surprise is a prediction limit: it is meant to decline :data:`DECLINED` of new people's honest sets, whatever
their number of labels; :data:`DISORDERED` of them are beyond that of disorder. The other limits lie beyond the most
extreme set. All are larger for fewer people.
Labels of people whom the backbone was trained on are nearer to a head than those of others, and source people cannot
tell by how much: surprise is then not judged.
Where heads do not transfer, honest labels agree with the head no better than others do, and the check is switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linprog
from scipy.stats import t as student_t

from pen_mobile.contract.adaptation_report import ALIKE_VARIANCE, ReportRow
from pen_mobile.models.prior import Prior
from pen_mobile.training.batched_posterior import posterior
from pen_mobile.training.prior.episodes import EpisodeBatch
from pen_mobile.types import Doubles, Rows

SEEN = 1.5
"""Factor of limits where the backbone has seen the source people: for others, heads hold less well."""

DECLINED = 0.04
"""Share of honest sets that the limit of surprise declines; together with the other limits at most 5 %."""

DISORDERED = 0.01
"""Share of honest sets beyond the limit of disorder."""

_NEVER = -1e6
_TELLING = 2.0  # a gain of so many standard deviations over people says whether labels fit a head
_ONE_OF_MANY = 1.25  # factor of limits that each target has, beside the joint one
_ROUGH = 1.2  # factor of limits for roughness
_FEW = 5  # labels below which honest ones may be alike by chance
_MANY = 20  # labels from which on roughness hardly depends on their number
_GRID = np.geomspace(0.02, 1.0, 30), np.geomspace(0.1, 10.0, 30)


def calibrate(prior: Prior, batches: Sequence[EpisodeBatch], *, seen: bool) -> Prior:
    """Return the prior with the numbers of its checks.

    Args:
        prior: whose checks let everything through.
        batches: simulated adaptations of source people.
        seen: True when the backbone was trained on them.
    """
    people = max(int(batch.person.max()) for batch in batches) + 1
    beyond = (1 + 1 / people) * (SEEN if seen else 1)
    prior = _with_gains(prior, batches)
    found = [posterior(prior, batch.labels) for batch in batches]
    counts = [batch.labels.y.shape[1] for batch in batches]
    reports = [one.report.numpy() for one in found]
    report = np.concatenate(reports)
    worse = report[:, ReportRow.ERROR_ADAPTED] - report[:, ReportRow.ERROR_NOT_ADAPTED] - prior.margin
    errors = (worse / np.maximum(report[:, ReportRow.UNCERTAINTY], 1e-9)).max(axis=0)
    telling = prior.check_gain > _TELLING * np.sqrt(prior.check_variance)
    check = -beyond * _ONE_OF_MANY * np.maximum(-report[:, ReportRow.CHECK].min(axis=0), 1)
    joint = -beyond * np.maximum(-report[:, ReportRow.JOINT_CHECK].min(axis=0)[:1], 0.5)
    return replace(
        prior,
        check_limit=np.where(telling, check, _NEVER),
        joint_check_limit=np.where(telling.any(), joint, _NEVER),
        roughness_limit=_roughness_limit(
            np.array(counts), (1 + 1 / people) * np.array([float(one.roughness.mean(dim=1).max()) for one in found])
        ),
        disorder_limit=(1 + 1 / people) * _disorder_limit(counts, [one.disorder.mean(dim=1).numpy() for one in found]),
        surprise_limit=prior.surprise_limit if seen else _surprise_limit(batches, reports),
        alike_from=_alike_from(batches),
        error_limit=beyond * np.maximum(errors, 1),
    )


def _alike_from(batches: Sequence[EpisodeBatch]) -> Doubles:
    """Return the number of labels from which on no honest set had all labels alike, at least :data:`_FEW`, ``[1]``."""
    variances = {batch.labels.y.shape[1]: batch.labels.y.var(dim=1, correction=0).sum(dim=1).min() for batch in batches}
    alike = [count for count, variance in variances.items() if count >= _FEW and variance < ALIKE_VARIANCE]
    return np.array([float(max(alike) + 1 if alike else _FEW)])


def _with_gains(prior: Prior, batches: Sequence[EpisodeBatch]) -> Prior:
    """Learn how gains of honest people are distributed: ``N(check_gain, check_variance + check_inflation v)``."""
    found = [posterior(prior, batch.labels) for batch in batches]
    gain = np.concatenate([one.gain_alone.numpy() for one in found])
    variance = np.concatenate([one.gain_alone_variance.numpy() for one in found])
    fits = np.array([_likeliest(gain[:, k], variance[:, k]) for k in range(prior.targets)])
    return replace(prior, check_gain=fits[:, 0], check_variance=fits[:, 1], check_inflation=fits[:, 2])


def _likeliest(gain: Doubles, variance: Doubles) -> tuple[float, float, float]:
    """Return mean, variance over people and inflation with the largest likelihood, by search on a grid."""
    best = (np.inf, 0.0, 1.0, 1.0)
    for spread in _GRID[0]:
        for inflation in _GRID[1]:
            total = spread**2 + inflation * variance
            mean = float(np.average(gain, weights=1 / total))
            loss = float(np.sum(np.log(total) + (gain - mean) ** 2 / total))
            best = min(best, (loss, mean, spread**2, inflation))
    return best[1:]


def _disorder_limit(counts: Sequence[int], disorder: Sequence[Doubles]) -> Doubles:
    """Return the limit that :data:`DISORDERED` of the honest sets exceed, as (a, b, c) of :func:`_covering`.

    The disorder of two labels is 1 whatever they are, and that of few is near it: so c may be below 0.
    """
    pairs = zip(counts, disorder, strict=True)
    limits = {n: float(np.quantile(sets, 1 - DISORDERED)) for n, sets in pairs if n > 1}
    return _covering(limits, others={2: 1.0}, least_c=None)


def _surprise_limit(batches: Sequence[EpisodeBatch], reports: Sequence[Doubles]) -> Doubles:
    """Return what covers the limit of each number of labels, as (a, b, c) of :func:`_covering`."""
    pairs = zip(batches, reports, strict=True)
    limits = {
        batch.labels.y.shape[1]: _predicted(report[:, ReportRow.SURPRISE].max(axis=1), batch.person)
        for batch, report in pairs
    }
    return _covering(limits)


def _covering(limits: dict[int, float], others: dict[int, float] | None = None, least_c: float | None = 0.0) -> Doubles:
    """Return (a, b, c) such that ``a + b / sqrt(N) + c / N`` is the least that covers the limit for each N.

    People differ however many labels they give: twice the largest N that was simulated has the same limit as that one.

    Args:
        limits: for each N that was simulated; what covers them has as little room as possible over these.
        others: for further N.
        least_c: the least that c may be; a and b are at least 0.
    """
    limits = limits | ({2 * max(limits): limits[max(limits)]} if limits else {})
    covered = limits | (others or {})
    counts = np.array(list(covered), np.float64)
    terms = np.stack([np.ones_like(counts), counts**-0.5, 1 / counts], axis=1)
    room, wanted = terms[: len(limits)].sum(axis=0), np.array(list(covered.values()))
    found: Doubles = linprog(room, A_ub=-terms, b_ub=-wanted, bounds=[(0, None), (0, None), (least_c, None)]).x
    return found


def _predicted(surprise: Doubles, person: Rows) -> float:
    """Return the surprise that a new person's honest set exceeds with the probability :data:`DECLINED`.

    Mean squares are nearly normal after a cube root (Wilson and Hilferty, https://doi.org/10.1073/pnas.17.12.684). The
    limit is Student's for one more draw, of a person and of a set.

    Args:
        surprise: of each honest set, ``[B]``.
        person: number of the person of each, ``[B]``.
    """
    roots = np.cbrt(surprise)
    own = [roots[person == number] for number in np.unique(person)]
    means, count = np.array([one.mean() for one in own]), len(own)
    variance = means.var(ddof=min(1, count - 1)) + np.mean([one.var() for one in own])
    quantile = float(student_t.ppf(1 - DECLINED, max(count - 1, 1)))
    return float((means.mean() + quantile * np.sqrt(variance * (1 + 1 / count))) ** 3)


def _roughness_limit(counts: Doubles, highest: Doubles) -> Doubles:
    """Return (a, b) such that no honest set exceeds ``a + b / N``, with some room."""
    many = highest[counts >= _MANY]
    limit = _ROUGH * float(many.max() if len(many) else highest.min())
    return np.array([limit, max(float(((_ROUGH * highest - limit) * counts).max()), 1.0)])
