"""Offset and ridge: one call of the bundle's closed form; how far experts may move is chosen by cross-validation."""

from __future__ import annotations

import numpy as np

from pen_mobile.contract.head import RidgePart
from pen_mobile.phone.adaptation.blocks import Blocks, evenly_spaced
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import cross_validation
from pen_mobile.types import Doubles, Floats, Rows

OFFSET = 0.0
"""The inverse regularization that moves the offset of all experts alone."""

_FOLDS = 4
_WORSE_IN_A_ROW = 2
_WORTH = 0.01  # of the mean square error; less is not worth a richer head


class ClosedForm:
    """The ridge method of a bundle on the samples of one owner."""

    def __init__(self, context: AdaptationContext, part: RidgePart) -> None:
        self._context, self._candidates = context, part.looseness
        size = context.samples.features.shape[1]
        self._z = np.zeros((1, part.labels, size), np.float32)
        self._y, self._weight = np.zeros((1, part.labels, 2), np.float32), np.zeros((1, part.labels), np.float32)

    def fit(self, rows: Rows, inverse_regularization: float) -> Floats:
        """Return parameters fitted to some rows; to as many as the method takes, evenly spaced in time, when more."""
        samples, few = self._context.samples, evenly_spaced(rows, self._z.shape[1])
        self._z[0, : len(few)] = samples.features[few]
        self._y[0, : len(few)] = samples.labels[few]
        self._weight[0] = 0
        self._weight[0, : len(few)] = samples.weight[few]
        parameters = self._context.parameters
        return self._context.runtime.ridge(parameters, self._z, self._y, self._weight, inverse_regularization)

    def cross_validated_squares(self, rows: Rows, inverse_regularization: float) -> Doubles:
        """Return squared errors ``[M]`` of these rows, each from a fit without its fold and its neighbours in time."""
        squared, blocks = np.full(len(rows), np.inf), self._context.blocks.of(rows)
        for split in cross_validation(blocks, self._context.seed, _FOLDS):
            parameters = self.fit(rows[split.train], inverse_regularization)
            squared[split.held_out] = self._squares(parameters, rows[split.held_out])
        return squared

    def choose_regularization(self, rows: Rows) -> float | None:
        """Return the inverse regularization with the least cross-validated error; None keeps the head.

        Candidates ascend. Experts move only when that is better by more than one standard error over blocks, because
        few labels favour a richer head; two in a row that are not better end the search.
        """
        blocks, weight = self._context.blocks.of(rows), self._context.samples.weight[rows]
        best, least, worse = None, self._squares(self._context.parameters, rows), 0
        worth = _WORTH * float(np.average(least, weights=weight))
        for candidate in self._candidates:
            squared = self.cross_validated_squares(rows, candidate)
            gain, error = _gain(least, squared, blocks, weight)
            if gain > (0 if candidate == OFFSET else max(error, worth)):
                best, least, worse = candidate, squared, 0
            else:
                worse += candidate != OFFSET
            if worse == _WORSE_IN_A_ROW:
                break
        return best

    def _squares(self, parameters: Floats, rows: Rows) -> Doubles:
        estimate = self._context.predict(parameters, rows)
        with np.errstate(over="ignore", invalid="ignore"):
            squared: Doubles = ((estimate.astype(np.float64) - self._context.samples.labels[rows]) ** 2).mean(axis=1)
        squared[np.isnan(squared)] = np.inf
        return squared


def _gain(before: Doubles, after: Doubles, blocks: Blocks, weight: Floats) -> tuple[float, float]:
    """Return by how much the weighted mean falls, and the standard error of that when blocks are drawn anew."""
    if not np.isfinite(after).all():
        return -np.inf, 0.0
    total = np.bincount(blocks.number, weight)
    falls = np.bincount(blocks.number, weight * (before - after))
    gain = falls.sum() / total.sum()
    spread = falls - gain * total
    return float(gain), float(np.sqrt((spread**2).sum() * len(total) / max(1, len(total) - 1)) / total.sum())
