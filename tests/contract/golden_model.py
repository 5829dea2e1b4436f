"""A model from stated formulas, not from training: the same numbers on every machine.

Every number is a fraction with a power of two below it, so float32 holds it exactly.
"""

from __future__ import annotations

import numpy as np

from pen_mobile.models.prior import OWN_MEAN, Prior
from pen_mobile.types import Doubles

FEATURES, EXPERTS, TARGETS = 8, 3, 2
CANDIDATES = 5


def numbers(*shape: int, seed: int) -> Doubles:
    """Return ``((31 i^2 + 17 i + 101 seed) mod 997 - 498) / 512`` for i = 0, 1, ..., row by row."""
    i = np.arange(np.prod(shape), dtype=np.int64)
    values: Doubles = ((31 * i * i + 17 * i + 101 * seed) % 997 - 498) / 512
    return values.reshape(shape)


def head_parameters() -> Doubles:
    """The shipped head ``[n_s (1 + K), D_z + 1]``."""
    head = numbers(EXPERTS * (1 + TARGETS), FEATURES + 1, seed=1)
    head[:, -1] /= 4  # biases
    return head * 0.5


def prior() -> Prior:
    """How people differ from that head: candidates with more and more freedom behind the two references."""
    column = np.ones((CANDIDATES, TARGETS))
    freedom = np.array([0, 0, 1 / 64, 1 / 16, 1 / 4])[:, None] * column
    level_variance, gain_variance, gain_mean = column / 16, column / 16, column * 0.75
    level_variance[0], gain_mean[0], gain_mean[OWN_MEAN] = 0, 1, 0
    gain_variance[:2] = 0
    one = np.ones(TARGETS)
    directions = np.zeros((1, FEATURES))
    directions[0, 0] = 0.5
    return Prior(
        output_mean=0 * one,
        feature_mean=np.zeros(FEATURES),
        feature_scale=np.full(FEATURES, 0.625),
        directions=directions,
        feature_limit=np.array([12.0]),
        noise_length=np.array([16.0, 32.0]),
        error_variance=one / 16,
        evidence_strength=np.array([2.0]),
        log_weight=-1.5 * column,
        level_mean=0 * column,
        level_variance=level_variance,
        gain_mean=gain_mean,
        gain_variance=gain_variance,
        weight_variance=freedom,
        noise_variance=column / 32,
        shared_noise_variance=column / 64,
        check_gain=0.75 * one,
        check_variance=one / 8,
        check_inflation=1.5 * one,
        check_limit=-2.25 * one,
        joint_check_limit=np.array([-2.0]),
        roughness_limit=np.array([2.5, 3.0]),
        disorder_limit=np.array([1.25, 0.5, 1.0]),
        surprise_limit=np.array([2.0, 1.0, 3.0]),
        caution=one / 2,
        alike_from=np.array([6.0]),
        error_limit=one,
        margin=np.array([1 / 64]),
    )
