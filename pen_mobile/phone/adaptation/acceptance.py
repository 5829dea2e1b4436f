"""Acceptance: compares the head in use with a new one on labels that the new one was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pen_mobile.types import Doubles, Floats, Rows

CONFIDENCE_MARGIN = 0.5
"""Standard errors that are added to the change of the error before it is compared with the plan's margin."""


@dataclass(frozen=True)
class AcceptanceDecision:
    """The comparison of two heads on held-out labels.

    Attributes:
        before, after: RMSE over both targets of the head in use and of the new one.
        spread: standard error of ``after - before``, by leaving out each block of labels in turn.
        refusal: why the new head must not replace the one in use; None when it may.
    """

    before: float
    after: float
    spread: float
    refusal: str | None


def rmse_of(estimate: Floats, affect: Floats, weight: Floats) -> float:
    """Return the weighted RMSE over all targets; NaN or infinity when an estimate is not finite.

    Args:
        estimate: ``[N, K]``.
        affect: labels ``[N, K]``.
        weight: ``[N]``.
    """
    return _rmse(_squares(estimate, affect), weight.astype(np.float64))


def decide(
    before: Floats,
    after: Floats,
    affect: Floats,
    weight: Floats,
    blocks: Rows,
    margin: float,
    confidence: float = CONFIDENCE_MARGIN,
) -> AcceptanceDecision:
    """Decide whether a new head may replace the one in use.

    The RMSE may grow by the margin at most, after ``confidence`` standard errors were added to the change. The mean
    distance to the labels, to which no label adds more than the distance of the two estimates, may not grow by more
    than the margin either: one extreme label can keep a head out, but it cannot push one through.

    Args:
        before: estimates of the head in use, ``[N, K]``.
        after: estimates of the new head, ``[N, K]``.
        affect: labels ``[N, K]``.
        weight: of each label ``[N]``.
        blocks: the block of time of each label ``[N]``.
        margin: in units of the labels.
        confidence: standard errors that are added.
    """
    old, new, weights = _squares(before, affect), _squares(after, affect), weight.astype(np.float64)
    first, second = _rmse(old, weights), _rmse(new, weights)
    if not np.isfinite(new).all():
        return AcceptanceDecision(first, second, 0.0, "the new head's held-out error is not a number")
    spread = _spread(old, new, weights, blocks)
    farther = float(np.average(np.sqrt(new) - np.sqrt(old), weights=weights))
    change = f"held-out error would go from {first:.4f} to {second:.4f}"
    if second - first > margin:
        return AcceptanceDecision(first, second, spread, change)
    if second - first + confidence * spread > margin:
        return AcceptanceDecision(first, second, spread, f"{change}, give or take {spread:.4f}: not clear of chance")
    if farther > margin:
        return AcceptanceDecision(first, second, spread, f"{change}, but most labels would be missed by more")
    return AcceptanceDecision(first, second, spread, None)


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
