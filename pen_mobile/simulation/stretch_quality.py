"""CCC and RMSE of many stretches of one day at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pen_mobile.targets import Targets
from pen_mobile.types import Doubles, Floats, Rows

_NOTHING = 1e-12  # variance of what is constant but for rounding


@dataclass(frozen=True, eq=False)
class Quality:
    """CCC and RMSE over S stretches of a day.

    Attributes:
        ccc: of every target, ``[S, K]``; NaN where it is undefined.
        rmse: of every target, on the scale from -1 to 1, ``[S, K]``.
    """

    ccc: Doubles
    rmse: Doubles

    def columns(self, targets: Targets) -> dict[str, list[float | None]]:
        """Return measures such as ``ccc_valence`` and ``rmse_arousal``, a list over stretches each; None: undefined.

        Args:
            targets: their names, and the range in whose units errors are returned.
        """
        return {
            f"{measure}_{dimension}": [None if np.isnan(value) else round(float(value), 5) for value in values]
            for measure, columns in (("ccc", self.ccc), ("rmse", targets.half_width * self.rmse))
            for dimension, values in zip(targets.names, columns.T, strict=True)
        }


def quality_of_stretches(predictions: Floats, affect: Floats, begin: Rows, end: Rows) -> Quality:
    """Compare predictions with labels over many stretches, from running sums.

    The measures are those of :func:`pen_mobile.metrics.agreement`.

    Args:
        predictions: estimates, ``[N, K]``.
        affect: labels, ``[N, K]``.
        begin: first row of each stretch, ``[S]``.
        end: row after the last of each stretch, ``[S]``.
    """
    middle = affect.mean(axis=0, dtype=np.float64)
    x, y = predictions - middle, affect - middle
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


def quality_of_day(predictions: Floats, affect: Floats) -> Quality:
    """Compare predictions with labels over the whole day, as one stretch.

    Args:
        predictions: estimates, ``[N, K]``.
        affect: labels, ``[N, K]``.
    """
    return quality_of_stretches(predictions, affect, np.array([0]), np.array([len(affect)]))


def _sums(values: Doubles, begin: Rows, end: Rows) -> Doubles:
    running = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    sums: Doubles = running[end] - running[begin]
    return sums
