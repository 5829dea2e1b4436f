"""Offset and ridge: one call of the bundle's closed form; how far experts may move is chosen by cross-validation."""

from __future__ import annotations

import numpy as np

from pen_mobile.phone.adaptation.blocks import Blocks, spread
from pen_mobile.phone.adaptation.holdout import cross_validation
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Doubles, Floats, Rows

OFFSET = 0.0
"""The looseness that moves everybody's offset alone."""

_FOLDS = 4
_WORSE_IN_A_ROW = 2
_WORTH = 0.01  # of the mean square error; less is not worth a richer head


class ClosedForm:
    """The ridge method of a bundle on the samples of one owner."""

    def __init__(self, runtime: BundleRuntime, parameters: Floats, samples: Samples, blocks: Blocks) -> None:
        part = runtime.bundle.manifest.head.ridge
        assert part is not None
        self._runtime, self._parameters, self._samples, self._blocks = runtime, parameters, samples, blocks
        self.looseness = part.looseness
        self._z = np.zeros((1, part.labels, samples.features.shape[1]), np.float32)
        self._y, self._weight = np.zeros((1, part.labels, 2), np.float32), np.zeros((1, part.labels), np.float32)

    def fit(self, rows: Rows, looseness: float) -> Floats:
        """Return parameters fitted to some rows; to as many as the method takes, spread over time, when more."""
        few = spread(rows, self._z.shape[1])
        self._z[0, : len(few)] = self._samples.features[few]
        self._y[0, : len(few)] = self._samples.labels[few]
        self._weight[0] = 0
        self._weight[0, : len(few)] = self._samples.weight[few]
        return self._runtime.ridge(self._parameters, self._z, self._y, self._weight, looseness)

    def left_out_squares(self, rows: Rows, looseness: float, seed: int) -> Doubles:
        """Return squared errors ``[M]`` of these rows, each from a fit without its block and those near it in time."""
        squared = np.full(len(rows), np.inf)
        for split in cross_validation(self._blocks.of(rows), seed, _FOLDS):
            squared[split.held] = self._squares(self.fit(rows[split.learn], looseness), rows[split.held])
        return squared

    def best_looseness(self, rows: Rows, seed: int) -> tuple[float | None, float]:
        """Return the looseness that errs least on what is left out, and its RMSE; None leaves the head as it is.

        Candidates ascend. Experts move only when that is better by more than one standard error over blocks, because
        few labels flatter what is rich; two in a row that are not better end the search.
        """
        blocks, weight = self._blocks.of(rows), self._samples.weight[rows]
        best, least, worse = None, self._squares(self._parameters, rows), 0
        worth = _WORTH * float(np.average(least, weights=weight))
        for looseness in self.looseness:
            squared = self.left_out_squares(rows, looseness, seed)
            gain, error = _gain(least, squared, blocks, weight)
            if gain > (0 if looseness == OFFSET else max(error, worth)):
                best, least, worse = looseness, squared, 0
            else:
                worse += looseness != OFFSET
            if worse == _WORSE_IN_A_ROW:
                break
        return best, float(np.sqrt(np.average(least, weights=weight)))

    def _squares(self, parameters: Floats, rows: Rows) -> Doubles:
        estimate, _ = self._runtime.predict(parameters, self._samples.features[rows])
        with np.errstate(over="ignore", invalid="ignore"):
            squared: Doubles = ((estimate.astype(np.float64) - self._samples.labels[rows]) ** 2).mean(axis=1)
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
