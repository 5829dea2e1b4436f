"""Features standardised by frozen source statistics, for the optimizers alone.

Steps that are equal for every weight (Adadelta, Adam) fit features of unit deviation and no others: on features of
large norm the first ones overshoot. A head is linear in z, so learning on ``z' = (z - m) / s`` is learning of the same
head: ``W z + b = (W s) z' + (b + W m)``. Only the coordinates in which steps are taken change; heads are kept, exported
and adapted as functions of z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pen_mobile.types import Floats, Rows

_LEAST = 1e-3  # of the root mean square of all deviations
_LEAST_OF_MEAN = 1e-2  # of a feature's own mean: less is rounding
_BLOCK = 4096  # rows read at once


@dataclass(frozen=True, eq=False)
class FeatureScaling:
    """Mean and deviation of every feature.

    Attributes:
        mean: m, float32 ``[D_z]``.
        deviation: s, float32 ``[D_z]``, above 0.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, mean: Floats, std: Floats) -> FeatureScaling:
        """Return the scaling of given statistics; features that hardly vary get a larger deviation.

        Args:
            mean: of each feature, ``[D_z]``.
            std: of each feature, ``[D_z]``.
        """
        usual = float(np.sqrt(np.mean(np.square(std, dtype=np.float64))))
        least = np.maximum(_LEAST * usual, _LEAST_OF_MEAN * np.abs(mean))
        deviation = np.maximum(std, least)
        deviation[deviation == 0] = 1.0
        return cls(torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(deviation.astype(np.float32)))

    def to(self, device: torch.device | str) -> FeatureScaling:
        """Return the same on another device."""
        return FeatureScaling(self.mean.to(device), self.deviation.to(device))

    def standardize_(self, z: Tensor) -> Tensor:
        """Standardise features in place.

        Args:
            z: ``[..., D_z]``.
        """
        return z.sub_(self.mean).div_(self.deviation)

    def to_standard(self, heads: Tensor) -> Tensor:
        """Return the heads that give for z' what the given ones give for z.

        Args:
            heads: head parameters ``[..., R, D_z + 1]``.
        """
        weights, bias = heads[..., :-1].double(), heads[..., -1].double()
        shifted = bias + weights @ self.mean.double()
        return torch.cat([weights * self.deviation, shifted[..., None]], dim=-1).to(heads.dtype)

    def from_standard(self, heads: Tensor) -> Tensor:
        """Return the heads that give for z what the given ones give for z'.

        Args:
            heads: head parameters ``[..., R, D_z + 1]``.
        """
        weights = heads[..., :-1].double() / self.deviation
        shifted = heads[..., -1].double() - weights @ self.mean.double()
        return torch.cat([weights, shifted[..., None]], dim=-1).to(heads.dtype)


def feature_statistics(features: Floats, rows: Rows) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of every feature over some rows, ``[D_z]`` each, float32.

    Args:
        features: z of all rows, ``[N, D_z]``; may be memory-mapped.
        rows: numbers of the rows that count.
    """
    blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    mean = np.sum([features[block].sum(axis=0, dtype=np.float64) for block in blocks], axis=0) / len(rows)
    squares = np.sum([np.square(features[block] - mean).sum(axis=0) for block in blocks], axis=0)
    return mean.astype(np.float32), np.sqrt(squares / len(rows)).astype(np.float32)
