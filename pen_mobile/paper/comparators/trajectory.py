"""One person's features and affect in order of time: what a comparator that uses time learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from pen_mobile.data.table import FeatureTable, Role, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles, Floats

_CONSTANT = 1e-6
"""A feature whose deviation is below this share of its mean is constant up to the rounding of float32."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One person's recording, or a stretch of it, validated when made.

    Rows are a sequence. Where frames are missing (no face was found) or times uneven, a comparator still sees
    one row after the other: it neither fills gaps nor resamples, and only :attr:`step_s` links rows to seconds.

    Attributes:
        subject: who; errors name the person.
        z: features, float32 ``[T, D]``, T >= 1.
        time_s: seconds, never falling, float64 ``[T]``.
        affect: valence and arousal, float32 ``[T, 2]``.
    """

    subject: str
    z: Floats
    time_s: Doubles
    affect: Floats

    def __post_init__(self) -> None:
        _require(self.z.ndim == 2 and self.z.size > 0, self.subject, f"features must be [T, D], not {self.z.shape}")
        rows = len(self.z)
        _require(self.affect.shape == (rows, 2), self.subject, f"affect must be [{rows}, 2], not {self.affect.shape}")
        _require(self.time_s.shape == (rows,), self.subject, f"time_s must be [{rows}], not {self.time_s.shape}")
        for name, values in (("z", self.z), ("time_s", self.time_s), ("affect", self.affect)):
            _require(bool(np.isfinite(values).all()), self.subject, f"{name} holds NaN or infinity")
        _require(bool((np.diff(self.time_s) >= 0).all()), self.subject, "time_s must be in order of time")

    def __len__(self) -> int:
        return len(self.z)

    @cached_property
    def step_s(self) -> float | None:
        """Usual seconds between rows; None when nothing tells it (see :func:`usual_step`)."""
        return usual_step(self.time_s)

    def cut(self, start: int, stop: int) -> Trajectory:
        """Return rows ``start`` to ``stop - 1``."""
        part = slice(start, stop)
        return Trajectory(self.subject, self.z[part], self.time_s[part], self.affect[part])


class Comparator(Protocol):
    """A model that learnt from source people and estimates anybody's recording."""

    def predict(self, z: Floats, time_s: Doubles | None = None) -> Floats:
        """Estimate valence and arousal, float32 ``[T, 2]``, finite.

        Give the *whole* recording in order of time and pick rows from the answer: a row's estimate depends on its
        neighbours.

        Args:
            z: features, float32 ``[T, D]``, T >= 1, in order of time.
            time_s: seconds ``[T]``, for comparators that count in seconds; None takes the source people's frame rate.

        Raises:
            BadInput: ``z`` is empty, of another width than was learnt from, or not finite.
        """


def usual_step(time_s: Doubles) -> float | None:
    """Return the median seconds between rows, which gaps do not move; None for one row or one instant."""
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    return step if step > 0 else None


def trajectories_of(table: SubjectTable, role: Role) -> list[Trajectory]:
    """Return everyone of ``role`` as trajectories, sorted by name.

    Raises:
        BadInput: the table holds frames, not features.
    """
    if not isinstance(table, FeatureTable):
        raise BadInput(f"{table.origin}: comparators learn from features; this table holds frames")
    rows = {subject: table.rows_of(subject) for subject in table.subjects(role)}
    return [
        Trajectory(subject, table.features[own], table.time_s[own], table.affect[own]) for subject, own in rows.items()
    ]


def split_in_time(people: Sequence[Trajectory], fraction: float = 0.2) -> tuple[list[Trajectory], list[Trajectory]]:
    """Hold out the last ``fraction`` of every person's rows for validation.

    Time is cut once and not sampled: neighbouring frames are nearly copies, so validation rows scattered among
    training rows would stop nothing and choose nothing.

    Returns:
        Training and validation. Everyone keeps at least one training row; who is too short to spare a row does not
        validate.

    Raises:
        BadInput: ``fraction`` is not between 0 and 1, or nobody has rows enough.
    """
    if not 0 < fraction < 1:
        raise BadInput(f"fraction must be between 0 and 1, not {fraction:g}")
    cuts = [(person, len(person) - min(round(fraction * len(person)), len(person) - 1)) for person in people]
    validation = [person.cut(cut, len(person)) for person, cut in cuts if cut < len(person)]
    if not validation:
        raise BadInput(f"no subject has rows enough to hold {fraction:.0%} of them out; give more")
    return [person.cut(0, cut) for person, cut in cuts], validation


def check_learnable(training: Sequence[Trajectory], validation: Sequence[Trajectory]) -> None:
    """Check that a comparator can learn from these.

    Raises:
        BadInput: fewer than two training rows, no validation row, or features of different widths.
    """
    rows = sum(map(len, training))
    if rows < 2:
        raise BadInput(f"{rows} training samples; a comparator needs at least 2")
    if not validation:
        raise BadInput("no validation samples; hold out some of every source recording (split_in_time)")
    size = training[0].z.shape[1]
    for person in (*training, *validation):
        _require(person.z.shape[1] == size, person.subject, f"{person.z.shape[1]} features a row; others have {size}")


def checked_features(z: Floats, size: int) -> Floats:
    """Return ``z`` as float32.

    Raises:
        BadInput: it is not ``[T, size]`` with T >= 1, or not finite.
    """
    if z.ndim != 2 or not len(z) or z.shape[1] != size:
        raise BadInput(f"features must be [T, {size}] with at least one row, not {list(z.shape)}")
    if not np.isfinite(z).all():
        raise BadInput("features hold NaN or infinity")
    return z.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Zero mean and unit deviation by the statistics of the training rows.

    A feature that never varies there says nothing and becomes 0 for everybody, rather than whatever a person in
    whom it does vary would make of it.

    Attributes:
        mean: float32 ``[D]``.
        inverse: 1 / standard deviation (over N), or 0 for a constant feature, float32 ``[D]``.
    """

    mean: Floats
    inverse: Floats

    @classmethod
    def of(cls, people: Sequence[Trajectory]) -> Standardisation:
        """Return the statistics over all rows of ``people``; person by person, to hold one copy at a time."""
        rows = sum(map(len, people))
        mean = sum(person.z.sum(axis=0, dtype=np.float64) for person in people) / rows
        squares = sum(np.square(person.z - mean).sum(axis=0) for person in people)
        deviation = np.sqrt(squares / rows)
        varies = deviation > _CONSTANT * np.abs(mean)
        inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
        return cls(mean.astype(np.float32), inverse.astype(np.float32))

    def apply(self, z: Floats) -> Floats:
        """Return ``(z - mean) / deviation``, float32 ``[T, D]``."""
        return (z - self.mean) * self.inverse


def _require(holds: bool, subject: str, what: str) -> None:
    if not holds:
        raise BadInput(f"subject {subject!r}: {what}")
