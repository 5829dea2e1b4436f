"""Statistics of labels and of features: how they are distributed, and where a label stands still."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pen_mobile.targets import Targets
from pen_mobile.types import Doubles
from pen_mobile.utils.table import Cell
from pen_mobile.utils.text import decimal, duration

_BINS = 20
_PLANE = 2


def label_edges(label_range: tuple[float, float]) -> tuple[float, ...]:
    """Return where the bins of label histograms begin and end.

    Args:
        label_range: smallest and largest label.
    """
    return tuple(np.linspace(*label_range, _BINS + 1).round(6).tolist())


def has_plane(targets: Targets) -> bool:
    """Return whether labels are points of a plane: there are two targets.

    Args:
        targets: of a table or model.
    """
    return len(targets.names) == _PLANE


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
    """One person's labels of one target, on their own scale."""

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
    """How many rows of one role fall in each bin of :func:`label_edges`.

    Attributes:
        histograms: counts of each target, by name.
        joint: ``joint[v][a]`` counts rows in bin ``v`` of the first target and bin ``a`` of the second; None where
            there are not two targets.
    """

    histograms: dict[str, tuple[int, ...]]
    joint: tuple[tuple[int, ...], ...] | None

    @classmethod
    def of(cls, affect: NDArray[np.float32], targets: Targets) -> RoleLabels:
        """Count labels.

        Args:
            affect: of all people of one role, ``[N, K]``.
            targets: their names and range.
        """
        edges, values = label_edges(targets.label_range), affect.astype(np.float64).round(6)  # 0.7 begins its bin
        histograms = {
            name: tuple(np.histogram(column, edges)[0].tolist())
            for name, column in zip(targets.names, values.T, strict=True)
        }
        return cls(histograms, joint_counts(affect, targets) if has_plane(targets) else None)


def joint_counts(affect: NDArray[np.float32], targets: Targets) -> tuple[tuple[int, ...], ...]:
    """Return how many rows fall in each bin of the first target and bin of the second.

    Args:
        affect: labels of two targets, ``[N, 2]``.
        targets: their names and range.
    """
    edges, values = label_edges(targets.label_range), affect.astype(np.float64).round(6)
    counts, _, _ = np.histogram2d(values[:, 0], values[:, 1], bins=(edges, edges))
    return tuple(tuple(line) for line in counts.astype(np.int64).tolist())


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
