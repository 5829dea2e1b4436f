"""Other methods, measured on the same data, as rows beside s-PEN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pen_mobile.metrics import Agreement
from pen_mobile.paper.protocol_result import Evaluation, Model, ProtocolResult

_NAMES: dict[Model, tuple[str, str]] = {
    "GRU": ("End2You's design", "two GRU layers over features of consecutive frames, loss 1 - CCC"),
    "SVR": ("AVEC 2016 baseline's design", "linear SVR on single frames, then median filter, centring, scaling"),
}


@dataclass(frozen=True)
class ComparisonRow:
    """One method that was measured here, as a row beside s-PEN: it learned from source people and is not adapted.

    Attributes:
        name: of the method.
        design: what it is made of.
        agreement: over the concatenated test rows of all target people.
        seconds: how long learning took; None when unknown.
    """

    name: str
    design: str
    agreement: Agreement
    seconds: float | None = None

    @classmethod
    def over_seeds(cls, evaluations: Sequence[Evaluation]) -> ComparisonRow:
        """Return the mean of one design; a number that is undefined for a seed is undefined.

        Args:
            evaluations: of the design, one for each seed.
        """
        means = {name: _mean([one.pooled.root[name] for one in evaluations]) for name in evaluations[0].pooled.root}
        seconds = float(np.mean([one.seconds for one in evaluations]))
        return cls(*_NAMES[evaluations[0].model], Agreement(means), seconds)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def comparison_rows(result: ProtocolResult) -> list[ComparisonRow]:
    """Return the designs as rows beside s-PEN, each the mean over the seeds."""
    cells = [cell for cell in result.cells if cell.study == "comparators"]
    return [ComparisonRow.over_seeds(same) for same in zip(*(cell.evaluations for cell in cells), strict=True)]
