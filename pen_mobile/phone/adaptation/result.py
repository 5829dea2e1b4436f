"""The result of one adaptation, for its caller and for the owner's history."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pen_mobile.contract.strategy import Strategy
from pen_mobile.utils.plain import Result


@dataclass(frozen=True)
class AdaptationResult(Result):
    """The result of one adaptation.

    Attributes:
        accepted: whether the new head replaces the old one.
        reason: why, in words for the owner's history.
        labels: how many samples there were.
        trained_on: how many of them the new head learned from.
        error_before, error_after: RMSE over both dimensions on labels that did not train what they judge; None when
            nothing was tried, or when it is not finite.
        error_spread: standard error of their difference.
        steps: optimizer steps, of all fits together.
        seconds: wall time.
        strategy: the strategy of the plan.
        method: what was done: the optimizer, or the inverse regularization of a ridge regression.
        seed: of the draw of held-out labels and the order of batches.
        judged_by: ``held-out`` or ``cross-validation``; None when nothing was tried.
        judged_on: how many labels judged.
        by_time: whether whole blocks of time were held out; otherwise folds were random.
        stopped_by: what ended the steps of the last fit.
        left_out: samples that were not used, because their features are unlike all others.
        interrupted: whether it was stopped before its end.
        resumed_from: optimizer steps that an interrupted adaptation had done already.
        discarded: why an interrupted adaptation was not continued.
    """

    accepted: bool
    reason: str
    labels: int
    trained_on: int = 0
    error_before: float | None = None
    error_after: float | None = None
    steps: int = 0
    seconds: float = 0.0
    error_spread: float | None = None
    strategy: Strategy = Strategy.GRADIENT
    method: str | None = None
    seed: int = 0
    judged_by: str | None = None
    judged_on: int = 0
    by_time: bool = False
    stopped_by: str | None = None
    left_out: int = 0
    interrupted: bool = False
    resumed_from: int | None = None
    discarded: str | None = None


def finite(error: float) -> float | None:
    """Return an error for a JSON document, which knows no infinity."""
    return error if math.isfinite(error) else None
