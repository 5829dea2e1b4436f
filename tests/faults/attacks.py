"""Invented owners, the labels that they give, and what can be wrong with labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np

from pen_mobile.types import Doubles, Floats

SECONDS, FEATURES = 300, 24
HALF = SECONDS // 2
GAP = 10
NOISE = 0.8
"""Standard deviation of a feature that has nothing to do with affect."""
OTHER = 5_000
"""The other person of owner n is person n + OTHER."""


class Recording(NamedTuple):
    """One person, a moment each second: features ``[T, D_z]`` and labels ``[T, 2]``."""

    z: Floats
    affect: Floats


class Labels(NamedTuple):
    """Input of one adaptation: features ``[N, D_z]``, labels ``[N, 2]``, and seconds into the recording ``[N]``."""

    z: Floats
    affect: Floats
    time_s: Doubles


def person(seed: int) -> Recording:
    """Invent a person: a slow walk through the affect plane, and a face that is partly everybody's.

    Args:
        seed: of the person.
    """
    own = np.random.default_rng([seed, 7])
    mix = _mix(own)
    time_s = np.arange(SECONDS)[:, None, None]
    waves = np.sin(2 * np.pi * (time_s / own.uniform(15, 90, (1, 2, 3)) + own.uniform(size=(1, 2, 3))))
    affect = np.clip(0.4 * waves.sum(axis=2) + own.normal(0, 0.2, 2), -1, 1)
    noise = own.normal(0, NOISE, (SECONDS, FEATURES))
    z = np.tanh(affect @ mix + own.normal(0, 0.5, FEATURES)) + noise
    return Recording(z.astype(np.float32), affect.astype(np.float32))


def _mix(own: np.random.Generator) -> Doubles:
    """Return how affect shows in features, ``[2, D_z]``: partly as in everybody, partly a person's own way."""
    common = np.random.default_rng(12345)
    return cast(Doubles, common.normal(size=(2, FEATURES)) + 0.7 * own.normal(size=(2, FEATURES)))


def expressed(seed: int, affect: Floats) -> Doubles:
    """Return a person's features for some affect, without noise, ``[N, D_z]``.

    Args:
        seed: of the person.
        affect: ``[N, 2]``.
    """
    own = np.random.default_rng([seed, 7])
    mix = _mix(own)
    own.uniform(size=12)  # what is drawn before the offset: waves, level, noise
    own.normal(size=2 + SECONDS * FEATURES)
    return cast(Doubles, np.tanh(affect @ mix + own.normal(0, 0.5, FEATURES)))


def labels_of(seed: int, count: int, sampling: str) -> Labels:
    """Return honest labels from the first half of an owner's recording.

    Args:
        seed: of the owner.
        count: N, labels.
        sampling: ``random``, or ``one stretch`` of consecutive seconds.
    """
    owner, rng = person(seed), np.random.default_rng([seed, 9])
    if sampling == "random":
        rows = np.sort(rng.permutation(HALF)[:count])
    else:
        rows = rng.integers(HALF - count + 1) + np.arange(count)
    return Labels(owner.z[rows], owner.affect[rows], rows.astype(np.float64))


def later(recording: Recording) -> Recording:
    """Return the second half of a recording but for its first seconds: the truth that no phone gets."""
    return Recording(*(values[HALF + GAP :] for values in recording))


def nothing(labels: Labels, seed: int) -> Labels:
    return labels


def inverted(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=-labels.affect)


def later_half_inverted(labels: Labels, seed: int) -> Labels:
    sign = np.where(labels.time_s < np.median(labels.time_s), 1, -1)[:, None]
    return labels._replace(affect=(labels.affect * sign).astype(np.float32))


def shuffled(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=np.random.default_rng([seed, 8]).permutation(labels.affect))


def constant(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=np.full_like(labels.affect, 0.5))


def one_nan(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=_with_one(labels.affect, seed, np.nan))


def one_out_of_range(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=_with_one(labels.affect, seed, 1.5))


def one_outlier(labels: Labels, seed: int) -> Labels:
    row = seed % len(labels.affect)
    return labels._replace(affect=_with_one(labels.affect, seed, -np.sign(labels.affect[row])))


def one_broken_feature(labels: Labels, seed: int) -> Labels:
    z = labels.z.copy()
    z[seed % len(z)] *= 1e6
    return labels._replace(z=z)


def faces_and_labels_of_another(labels: Labels, seed: int) -> Labels:
    rows, other = labels.time_s.astype(int), person(seed + OTHER)
    return labels._replace(z=other.z[rows], affect=other.affect[rows])


def labels_of_another(labels: Labels, seed: int) -> Labels:
    return labels._replace(affect=person(seed + OTHER).affect[labels.time_s.astype(int)])


def _with_one(affect: Floats, seed: int, value: float | Floats) -> Floats:
    affect = affect.copy()
    affect[seed % len(affect)] = value
    return affect


Attack = Callable[[Labels, int], Labels]

HONEST = "none: labels as they are"
ANOTHER_PERSON = "another person's faces and labels"
ATTACKS: dict[str, Attack] = {
    HONEST: nothing,
    "all labels inverted": inverted,
    "the later half inverted": later_half_inverted,
    "labels shuffled": shuffled,
    "all labels the same": constant,
    "one label NaN": one_nan,
    "one label 1.5": one_out_of_range,
    "one label at the opposite corner": one_outlier,
    "one feature times a million": one_broken_feature,
    "another person's labels": labels_of_another,
    ANOTHER_PERSON: faces_and_labels_of_another,
}
