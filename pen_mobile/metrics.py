"""How wrong an estimate is: CCC and RMSE, with a defined value for every input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """CCC and RMSE of valence and of arousal over one set of samples.

    ``ccc_*`` is None when it is undefined: fewer than two samples, or labels and estimates all one
    and the same constant.
    """

    ccc_valence: float | None
    ccc_arousal: float | None
    rmse_valence: float
    rmse_arousal: float

    @property
    def ccc(self) -> float | None:
        """Mean CCC of the two dimensions, or None when either is undefined."""
        if self.ccc_valence is None or self.ccc_arousal is None:
            return None
        return (self.ccc_valence + self.ccc_arousal) / 2

    @property
    def rmse(self) -> float:
        """Root of the mean squared error over both dimensions."""
        return math.sqrt((self.rmse_valence**2 + self.rmse_arousal**2) / 2)


def agreement(estimate: NDArray[np.float32], affect: NDArray[np.float32]) -> Agreement:
    """Compare estimates with labels, both ``[N, 2]`` (valence, arousal), N >= 1.

    ``CCC = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2)`` (Lin 1989,
    https://doi.org/10.2307/2532051) with variances over N - 1, as torchmetrics has it (Lin divides by N, which
    differs for few samples only), without the seconds that importing it takes; a constant estimate of varying labels
    has CCC 0.
    """
    valence, arousal = (_ccc(estimate[:, column], affect[:, column]) for column in (0, 1))
    errors = np.sqrt(np.mean((estimate.astype(np.float64) - affect) ** 2, axis=0))
    return Agreement(valence, arousal, float(errors[0]), float(errors[1]))


def _ccc(estimate: NDArray[np.float32], label: NDArray[np.float32]) -> float | None:
    if len(label) < 2 or (np.ptp(label) == 0 and np.ptp(estimate) == 0):
        return None
    if np.ptp(label) == 0 or np.ptp(estimate) == 0:
        return 0.0
    covariances = np.cov(estimate.astype(np.float64), label.astype(np.float64))
    apart = estimate.mean(dtype=np.float64) - label.mean(dtype=np.float64)
    value = float(2 * covariances[0, 1] / (np.trace(covariances) + apart**2))
    return value if math.isfinite(value) else 0.0
