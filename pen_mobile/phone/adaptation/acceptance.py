"""The judge: compares the head in use with a new one on labels that did not train what they judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pen_mobile.types import Doubles, Floats, Rows

CAUTION = 0.5
"""Standard errors by which a change must clear the margin: enough to be rarely wrong, little enough to learn at all."""


@dataclass(frozen=True)
class Verdict:
    """What held-out labels say about a new head.

    Attributes:
        before, after: RMSE over both dimensions of the head in use and of the new one.
        spread: standard error of ``after - before``, by leaving out each block of labels in turn.
        refusal: why the new head must not replace the one in use; None when it may.
    """

    before: float
    after: float
    spread: float
    refusal: str | None


def rmse_of(estimate: Floats, affect: Floats, weight: Floats) -> float:
    """Return the weighted RMSE over both dimensions of estimates ``[N, 2]``; NaN or infinity when a head blew up."""
    return _rmse(_squares(estimate, affect), weight.astype(np.float64))


def judge(
    before: Floats, after: Floats, affect: Floats, weight: Floats, blocks: Rows, margin: float, caution: float = CAUTION
) -> Verdict:
    """Compare what two heads say with labels, all ``[N, 2]``.

    The error may grow by the margin at most, and that must be clear of chance. The mean distance in the affect plane,
    to which no label counts for more than the two heads differ, may not grow by more either: one extreme label can
    keep a head out but not push it through.

    Args:
        weight: of each label ``[N]``.
        blocks: the block of time of each label ``[N]``.
        caution: standard errors that count as chance.
    """
    old, new, weights = _squares(before, affect), _squares(after, affect), weight.astype(np.float64)
    first, second = _rmse(old, weights), _rmse(new, weights)
    if not np.isfinite(new).all():
        return Verdict(first, second, 0.0, "the new head's held-out error is not a number")
    spread = _spread(old, new, weights, blocks)
    farther = float(np.average(np.sqrt(new) - np.sqrt(old), weights=weights))
    change = f"held-out error would go from {first:.4f} to {second:.4f}"
    if second - first > margin:
        return Verdict(first, second, spread, change)
    if second - first + caution * spread > margin:
        return Verdict(first, second, spread, f"{change}, give or take {spread:.4f}: not clear of chance")
    if farther > margin:
        return Verdict(first, second, spread, f"{change}, but most labels would be missed by more")
    return Verdict(first, second, spread, None)


def _squares(estimate: Floats, affect: Floats) -> Doubles:
    with np.errstate(over="ignore", invalid="ignore"):
        squares: Doubles = ((estimate.astype(np.float64) - affect) ** 2).mean(axis=1)
        return squares


def _rmse(squares: Doubles, weight: Doubles) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.sqrt(np.average(squares, weights=weight)))


def _spread(old: Doubles, new: Doubles, weight: Doubles, blocks: Rows) -> float:
    """Return the jackknife's standard error of the change of the RMSE, over blocks; infinite with a single one."""
    number = np.unique(blocks, return_inverse=True)[1]
    total, count = np.bincount(number, weight), int(number.max()) + 1
    if count < 2:
        return float(np.inf)
    first, second = (np.bincount(number, weight * squares) for squares in (old, new))
    rest = total.sum() - total
    changes = np.sqrt((second.sum() - second) / rest) - np.sqrt((first.sum() - first) / rest)
    return float(np.sqrt((count - 1) / count * ((changes - changes.mean()) ** 2).sum()))
