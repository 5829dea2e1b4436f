"""Which directions of the features may matter to a person: standardised, and without what dominates in everybody.

A few directions hold most of the variance of features (pose, light, identity). A ridge in plain features moves along
these first; people differ along others as well. The largest principal directions are therefore shrunk to the variance
that the rest has on average (probabilistic PCA, https://doi.org/10.1111/1467-9868.00196): ``x = s - (s V^T) V``.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from pen_mobile.types import Doubles

MOST_DIRECTIONS = 32
_LEAST_SCALE = 1e-3  # of the median standard deviation: what hardly varies in anybody says nothing
_FAR = 8.0  # times the largest norm of source people


class Decorrelation(NamedTuple):
    """Numbers of a :class:`~pen_mobile.models.prior.Prior` that turn z into x; see there."""

    mean: Doubles
    scale: Doubles
    directions: Doubles
    limit: float

    def apply(self, z: Doubles) -> Doubles:
        """Return x ``[N, D_z]`` of features z ``[N, D_z]``."""
        s = (z - self.mean) * self.scale
        return cast(Doubles, s - s @ self.directions.T @ self.directions)


def fit_decorrelation(z: Doubles, most: int = MOST_DIRECTIONS) -> Decorrelation:
    """Learn mean, scale and directions from features of source people.

    Args:
        z: features, as many rows of each person, ``[N, D_z]``.
        most: number of directions at most; at most a quarter of the features and of the rows are used.
    """
    mean, deviation = z.mean(axis=0), z.std(axis=0)
    varies = deviation > _LEAST_SCALE * np.median(deviation)
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0.0)
    s = (z - mean) * scale
    count = min(most, z.shape[1] // 4, len(z) // 4)
    values, vectors = np.linalg.eigh(s.T @ s / len(z))
    rest = values[: len(values) - count].mean()
    top, directions = values[len(values) - count :], vectors[:, len(values) - count :].T
    shrink = np.sqrt(np.clip(rest / np.maximum(top, 1e-300), 0, 1))  # of a standard deviation
    directions = directions * np.sqrt(1 - shrink)[:, None]
    norms = np.square(s - s @ directions.T @ directions).sum(axis=1)
    size = np.sqrt(max(norms.mean(), 1e-300))
    limit = _FAR**2 * np.square(s).sum(axis=1).max() / size**2
    return Decorrelation(mean, scale / size, directions, float(max(limit, 1e-300)))
