"""From what was learned about people to the candidates of a prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from pen_mobile.models.prior import NOT_ADAPTED, OWN_MEAN, Prior
from pen_mobile.training.prior.decorrelation import Decorrelation
from pen_mobile.training.prior.episodes import SourcePerson
from pen_mobile.training.prior.spreads import Spreads
from pen_mobile.types import Doubles

FREEDOM = ((1.0, 1.0), (0.1, 1.0), (0.01, 1.0), (1.0, 0.05), (0.3, 0.05))
"""Candidates beside the references: factors of the noise variances and of the weights' variance.

The backbone has seen the source people: learned spreads are lower bounds, and noise relative to them is an upper one.
"""

START_LOG_WEIGHT = (-1.0, -1.0, 0.0, -1.0, -2.0, 0.0, -0.5)
"""Log prior weights of the candidates before people say more: not adapted, own mean, then those of :data:`FREEDOM`."""

EVIDENCE_STRENGTH = 1.0
MARGIN = 0.02

LEAST_NOISE = 1e-4
"""Variance of a label's noise: nobody labels more exactly than to a hundredth. A few alike rows can suggest less."""

LEAST_SHARE = 3e-3
"""The same in relation to the variance of what labels tell, for a phone's float32 resolves no more."""


class OwnMean(NamedTuple):
    """What labels are like without a head, one target: level and its variance over people, variances of the rest."""

    level: float
    level_variance: float
    noise_variance: float
    shared_noise_variance: float


def own_mean_of(people: Sequence[SourcePerson], target: int, noise_length: float) -> OwnMean:
    """Return the distribution of people's levels, and how labels vary around them.

    The shared part is the slope of products of two labels over ``exp(-|dt| / noise_length)``.

    Args:
        people: source people.
        target: number of the target.
        noise_length: seconds.
    """
    levels = np.array([person.y[:, target].mean() for person in people])
    count = len(levels)
    between = float(levels.var(ddof=1)) * (count + 1) / max(count - 1, 1)  # few people: wider, as Student's t is
    products, squares, variances = 0.0, 0.0, []
    for person in people:
        y = person.y[:, target] - person.y[:, target].mean()
        alike = np.exp(-np.abs(person.time[:, None] - person.time) / noise_length)
        np.fill_diagonal(alike, 0)
        products += float(y @ alike @ y)
        squares += float((alike**2).sum())
        variances.append(float(y @ y) / len(y))
    within = max(float(np.mean(variances)), 1e-6)
    shared = float(np.clip(products / max(squares, 1e-12), 0, 0.95 * within))
    return OwnMean(float(levels.mean()), max(between, 1e-4), within - shared, shared)


def assemble(
    decorrelation: Decorrelation, output_mean: Doubles, spreads: Sequence[Spreads], own_means: Sequence[OwnMean]
) -> Prior:
    """Return a prior whose label check lets everything through; :mod:`pen_mobile.training.prior.guard` calibrates it.

    Args:
        decorrelation: of the features.
        output_mean: mean output of the shipped head over source people, ``[K]``.
        spreads: of each target.
        own_means: of each target.
    """
    candidates, targets = 2 + len(FREEDOM), len(spreads)
    zero = np.zeros((candidates, targets))
    noise, weights = (np.array([1.0, 1.0, *column])[:, None] for column in zip(*FREEDOM, strict=True))

    def learned(name: str) -> Doubles:
        return cast(Doubles, zero + np.array([getattr(one, name) for one in spreads]))

    def own(name: str) -> Doubles:
        return np.array([getattr(one, name) for one in own_means])

    numbers = {
        "level_mean": learned("level"),
        "level_variance": learned("level_spread") ** 2,
        "gain_mean": learned("gain"),
        "gain_variance": learned("gain_spread") ** 2,
        "weight_variance": learned("weight_spread") ** 2 * weights,
        "noise_variance": learned("noise") ** 2 * noise,
        "shared_noise_variance": learned("shared_noise") ** 2 * noise,
        "log_weight": zero + np.array(START_LOG_WEIGHT)[:, None],
    }
    for name in ("level_variance", "gain_variance", "weight_variance"):
        numbers[name][[NOT_ADAPTED, OWN_MEAN]] = 0
    numbers["level_mean"][NOT_ADAPTED], numbers["gain_mean"][NOT_ADAPTED] = output_mean, 1
    numbers["gain_mean"][OWN_MEAN] = 0
    numbers["level_mean"][OWN_MEAN], numbers["level_variance"][OWN_MEAN] = own("level"), own("level_variance")
    for name in ("noise_variance", "shared_noise_variance"):
        numbers[name][OWN_MEAN] = own(name)
    told = numbers["level_variance"] + numbers["gain_variance"] + numbers["weight_variance"]
    numbers["noise_variance"] = np.maximum(numbers["noise_variance"], LEAST_NOISE + LEAST_SHARE * told)
    never, error = np.full(targets, -1e6), learned("error")[0]
    return Prior(
        output_mean=output_mean,
        feature_mean=decorrelation.mean,
        feature_scale=decorrelation.scale,
        directions=decorrelation.directions,
        feature_limit=np.array([decorrelation.limit]),
        noise_length=learned("noise_length")[0],
        error_variance=error**2,
        evidence_strength=np.array([EVIDENCE_STRENGTH]),
        check_gain=np.zeros(targets),
        check_variance=np.ones(targets),
        check_inflation=np.ones(targets),
        check_limit=never,
        joint_check_limit=never[:1],
        roughness_limit=np.array([1e6, 0.0]),
        disorder_limit=np.array([1e6, 0.0, 0.0]),
        surprise_limit=np.array([1e6, 0.0, 0.0]),
        caution=np.zeros(targets),
        alike_from=np.array([1e6]),
        error_limit=-never,
        margin=np.array([MARGIN]),
        **numbers,
    )
