"""How many samples, heads and events a store keeps, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database

_DAY_S = 86_400.0
_BY_AGE = "DELETE FROM sample WHERE captured_at < ?"
_BY_COUNT = """
    DELETE FROM sample WHERE id IN
        (SELECT id FROM sample ORDER BY captured_at DESC, id DESC LIMIT -1 OFFSET ?)
"""
# The active version and its parent always keep their parameters, so that one step back is always possible.
_STATES = """
    UPDATE head_state SET blob = NULL WHERE status = 'superseded' AND blob IS NOT NULL
        AND version NOT IN (SELECT parent FROM head_state WHERE status = 'active' AND parent IS NOT NULL)
        AND version IN (SELECT version FROM head_state WHERE blob IS NOT NULL ORDER BY version DESC LIMIT -1 OFFSET ?)
"""
_EVENTS = "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id DESC LIMIT -1 OFFSET ?)"


@dataclass(frozen=True)
class Retention:
    """Limits of a store; None is no limit.

    Attributes:
        samples: number of labelled samples; the oldest go first.
        days: age of a sample since its capture.
        heads: number of head versions whose parameters are kept; what they measured is kept for ever.
        events: number of log entries.
    """

    samples: int | None = 5000
    days: float | None = 365.0
    heads: int = 8
    events: int = 1000

    def __post_init__(self) -> None:
        for name in ("samples", "days", "heads", "events"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BadInput(f"retention: {name} is {value}; it must be above 0")

    def delete_samples(self, database: Database, now: float) -> dict[str, int]:
        """Delete samples that are too old or too many; returns how many of each, when there were any."""
        gone = {"too_old": 0, "too_many": 0}
        if self.days is not None:
            gone["too_old"] = database.execute(_BY_AGE, (now - self.days * _DAY_S,)).rowcount
        if self.samples is not None:
            gone["too_many"] = database.execute(_BY_COUNT, (self.samples,)).rowcount
        return {reason: count for reason, count in gone.items() if count}

    def drop_old_heads(self, database: Database) -> None:
        """Delete the parameters of old head versions."""
        database.execute(_STATES, (self.heads,))

    def delete_events(self, database: Database) -> None:
        """Delete old log entries."""
        database.execute(_EVENTS, (self.events,))
