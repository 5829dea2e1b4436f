"""Statistics of labels and of features: how they are distributed, and where a label stands still."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Doubles
from pen_mobile.utils.table import Cell
from pen_mobile.utils.text import decimal, duration

Dimension = Literal["valence", "arousal"]
DIMENSIONS: tuple[Dimension, Dimension] = ("valence", "arousal")
EDGES: tuple[float, ...] = tuple(np.linspace(-1, 1, 21).round(6).tolist())
"""Where the bins of every label histogram begin and end."""


@dataclass(frozen=True)
class ConstantRun:
    """The longest run of rows in which one label did not change at all.

    Attributes:
        value: the label.
        rows: how many rows the run has.
        share: of the person's rows.
        start_s, seconds: when its first row is, and how much later its last one is.
    """

    value: float
    rows: int
    share: float
    start_s: float
    seconds: float

    @classmethod
    def of(cls, labels: Doubles, time_s: Doubles) -> ConstantRun:
        """Find the longest run of equal labels, the first of several.

        Args:
            labels: of one person, ``[N]``.
            time_s: seconds, ``[N]``.
        """
        borders = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        start, end = max(pairwise(borders), key=lambda run: run[1] - run[0])
        rows = end - start
        seconds = float(time_s[end - 1] - time_s[start])
        return cls(float(labels[start]), rows, rows / len(labels), float(time_s[start]), seconds)

    def __str__(self) -> str:
        return f"{duration(self.seconds)}, {self.share:.0%}" if self.rows > 1 else "-"


@dataclass(frozen=True)
class LabelSummary:
    """One person's valence, or arousal."""

    mean: float
    std: float
    min: float
    max: float
    constant_run: ConstantRun

    @classmethod
    def of(cls, labels: Doubles, time_s: Doubles) -> LabelSummary:
        """Describe the labels of one person.

        Args:
            labels: of one target, ``[N]``.
            time_s: seconds, ``[N]``.
        """
        low, high = float(labels.min()), float(labels.max())
        mean = float(np.clip(labels.mean(), low, high))  # rounding must not leave the range
        return cls(mean, float(labels.std()), low, high, ConstantRun.of(labels, time_s))

    def cells(self) -> list[Cell | str]:
        """Return the entries of a table: mean and deviation, range, and how long the label did not change."""
        return [
            f"{decimal(self.mean, 2)} ± {decimal(self.std, 2)}",
            f"{decimal(self.min, 2)} to {decimal(self.max, 2)}",
            "constant" if self.min == self.max else str(self.constant_run),
        ]


@dataclass(frozen=True)
class RoleLabels:
    """How many rows of one role fall in each bin of :data:`EDGES`.

    Attributes:
        joint: ``joint[v][a]`` counts rows in valence bin ``v`` and arousal bin ``a``.
    """

    valence: tuple[int, ...]
    arousal: tuple[int, ...]
    joint: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, affect: NDArray[np.float32]) -> RoleLabels:
        """Count labels.

        Args:
            affect: of all people of one role, ``[N, 2]``.
        """
        values = affect.astype(np.float64).round(6)  # a label of 0.7 belongs to the bin that begins at 0.7
        joint, _, _ = np.histogram2d(values[:, 0], values[:, 1], bins=(EDGES, EDGES))
        counts = joint.astype(np.int64)
        return cls(
            valence=tuple(counts.sum(axis=1).tolist()),
            arousal=tuple(counts.sum(axis=0).tolist()),
            joint=tuple(tuple(line) for line in counts.tolist()),
        )


@dataclass(frozen=True)
class FeatureSummary:
    """What the feature vectors are like.

    Attributes:
        size: D_z.
        constant_share: share of the columns that are the same in every row.
        norm_median: median Euclidean length of a vector.
    """

    size: int
    constant_share: float
    norm_median: float

    @classmethod
    def of(cls, features: NDArray[np.float32]) -> FeatureSummary:
        """Describe feature vectors.

        Args:
            features: of all rows, ``[N, D_z]``.
        """
        constant = features.min(axis=0) == features.max(axis=0)
        squares = np.einsum("nd,nd->n", features, features, dtype=np.float64)
        return cls(features.shape[1], float(constant.mean()), float(np.median(np.sqrt(squares))))


def usual_step(steps: Doubles) -> float:
    """Return the median of steps in time; rows at one instant do not count, unless there are no others.

    Args:
        steps: seconds, ``[N]``.
    """
    positive = steps[steps > 0]
    return float(np.median(positive)) if len(positive) else 0.0
