"""Other methods, measured on the same data: what the report needs to know of each."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.metrics import Agreement


@dataclass(frozen=True)
class ComparisonRow:
    """One method that was measured here, as a row beside s-PEN.

    Attributes:
        name: of the method.
        design: what it learned from and what it was tested on.
        agreement: over the concatenated test rows of all target people.
        seconds: how long learning took; None when unknown.
        note: what a reader should know before comparing.
    """

    name: str
    design: str
    agreement: Agreement
    seconds: float | None = None
    note: str = ""
