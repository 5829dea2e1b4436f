"""How many samples, heads and events a store keeps, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.errors import BadInput


@dataclass(frozen=True)
class Retention:
    """Limits of a store; None is no limit.

    Attributes:
        samples: number of labelled samples; the oldest go first.
        days: age of a sample since its capture.
        heads: number of head versions whose parameters are kept; what they measured is kept for ever.
        events: number of log entries.
        share: largest share of the samples that may be deleted because of their age, per opening and day.
    """

    samples: int | None = 5000
    days: float | None = 365.0
    heads: int = 8
    events: int = 1000
    share: float = 0.2

    def __post_init__(self) -> None:
        for name in ("samples", "days", "heads", "events", "share"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BadInput(f"retention: {name} is {value}; it must be above 0")
