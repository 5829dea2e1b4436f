"""The change that adaptation made for one target, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pen_mobile.utils.text import decimal, joined

DIGITS = 2
"""Digits of errors in sentences."""

SAME = 0.01
"""A smaller difference of errors, as part of half the range of labels, counts as none."""

Change = Literal["better", "worse", "the same"]


@dataclass(frozen=True)
class TargetVerdict:
    """Errors of one target, as RMSE in units of the labels.

    Attributes:
        target: name of the target.
        before: error of the shipped head.
        after: error of the head in use after the adaptation.
        own_mean: error of always answering the mean of the labels that the person gave.
        unit: half the width of the range of labels.
    """

    target: str
    before: float
    after: float
    own_mean: float
    unit: float = field(default=1.0, repr=False, kw_only=True)

    @property
    def change(self) -> Change:
        """``better`` when the error fell."""
        return _compared(self.after, self.before, self.unit)

    @property
    def against_own_mean(self) -> Change:
        """``better`` when the error is smaller than that of the own mean."""
        return _compared(self.after, self.own_mean, self.unit)

    @property
    def words(self) -> str:
        """Change with its numbers, such as ``valence got better (error 0.58 to 0.45)``."""
        if self.change == "the same":
            return f"{self.target} stayed the same (error {decimal(self.after, DIGITS)})"
        return f"{self.target} got {self.change} ({self.numbers})"

    @property
    def numbers(self) -> str:
        """Errors before and after, such as ``error 0.58 to 0.45``."""
        return f"error {decimal(self.before, DIGITS)} to {decimal(self.after, DIGITS)}"


def own_mean_words(found: Sequence[TargetVerdict], own_mean: str) -> str:
    """Return the standing against always answering the own mean, with its errors.

    Args:
        found: verdicts of all targets.
        own_mean: words for that baseline, such as ``this person's own mean``.
    """
    parts = []
    for standing, change in _STANDINGS.items():
        targets = [one for one in found if one.against_own_mean == change]
        if targets:
            parts.append(f"{_are(targets, len(found))} {standing} always answering {own_mean} ({_errors(targets)})")
    return joined(parts)


_STANDINGS: dict[str, Change] = {"better than": "better", "as good as": "the same", "worse than": "worse"}


def _are(found: Sequence[TargetVerdict], count: int) -> str:
    if len(found) == count > 1:
        return "both are" if count == 2 else "all are"
    return f"{joined([one.target for one in found])} {'is' if len(found) == 1 else 'are'}"


def _errors(found: Sequence[TargetVerdict]) -> str:
    return joined(list(dict.fromkeys(decimal(one.own_mean, DIGITS) for one in found)))


def _compared(error: float, other: float, unit: float) -> Change:
    if abs(error - other) < SAME * unit:
        return "the same"
    return "better" if error < other else "worse"
