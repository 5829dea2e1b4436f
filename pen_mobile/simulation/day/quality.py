"""CCC and RMSE of many stretches of one day at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Doubles, Rows

_NOTHING = 1e-12  # variance of what is constant but for rounding


@dataclass(frozen=True, eq=False)
class Quality:
    """CCC and RMSE of valence and arousal over S stretches, ``[S, 2]`` each; NaN where CCC is undefined."""

    ccc: Doubles
    rmse: Doubles

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document, a list over stretches for each measure and dimension."""
        return {
            f"{measure}_{dimension}": [None if np.isnan(value) else round(float(value), 5) for value in values]
            for measure, columns in (("ccc", self.ccc), ("rmse", self.rmse))
            for dimension, values in zip(("valence", "arousal"), columns.T, strict=True)
        }


def quality_of_stretches(said: NDArray[np.float32], affect: NDArray[np.float32], begin: Rows, end: Rows) -> Quality:
    """Compare estimates with what was felt, ``[N, 2]`` each, over the moments ``begin[s]`` to ``end[s] - 1``.

    The measures are those of :func:`pen_mobile.metrics.agreement`, from running sums.
    """
    middle = affect.mean(axis=0, dtype=np.float64)
    x, y = said - middle, affect - middle
    count = (end - begin)[:, None].astype(np.float64)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        _sums(values, begin, end) / np.maximum(count, 1) for values in (x, y, x * x, y * y, x * y)
    )
    unbiased = count / np.maximum(count - 1, 1)
    var_x, var_y = (mean_xx - mean_x**2) * unbiased, (mean_yy - mean_y**2) * unbiased
    covariance = (mean_xy - mean_x * mean_y) * unbiased
    apart = var_x + var_y + (mean_x - mean_y) ** 2
    ccc = 2 * covariance / np.where(apart > _NOTHING, apart, 1)
    undefined = (count < 2) | ((var_x <= _NOTHING) & (var_y <= _NOTHING))
    rmse = np.sqrt(np.maximum(mean_xx - 2 * mean_xy + mean_yy, 0))
    return Quality(np.where(undefined, np.nan, ccc), rmse)


def quality_of_day(said: NDArray[np.float32], affect: NDArray[np.float32]) -> Quality:
    """Compare over the whole day: one stretch."""
    return quality_of_stretches(said, affect, np.array([0]), np.array([len(affect)]))


def _sums(values: Doubles, begin: Rows, end: Rows) -> Doubles:
    running = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    sums: Doubles = running[end] - running[begin]
    return sums
