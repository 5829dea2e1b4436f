"""Which time a store believes: a device's clock may be wrong, and a wrong clock must not delete anything."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

DAY_S = 86_400.0
MAX_STEP_S = 30 * DAY_S
"""Longest step forward between two writes that is believed at once."""
MAX_BACK_S = DAY_S
"""Longest step back that is believed at once."""
CONFIRM_S = 3 * DAY_S
"""How long a clock that jumped must go on by ordinary steps until it is believed."""


@dataclass(frozen=True)
class ClockState:
    """What a store knows about time; all Unix seconds.

    Attributes:
        seen_at: latest time that the store believes.
        doubt: first and last reading of a clock that jumped; None: the clock agrees with the store.
    """

    seen_at: float
    doubt: tuple[float, float] | None = None

    @property
    def believed(self) -> bool:
        """Whether the last reading of the clock was believed."""
        return self.doubt is None

    def after(self, now: float) -> ClockState:
        """Return the state after a reading of the clock.

        Args:
            now: the reading, Unix seconds.
        """
        if _is_ordinary_step(self.seen_at, now):
            return ClockState(max(self.seen_at, now))
        if not math.isfinite(now):
            return replace(self, doubt=self.doubt or (self.seen_at, self.seen_at))
        if self.doubt is None or not _is_ordinary_step(self.doubt[1], now):
            return replace(self, doubt=(now, now))
        first, last = self.doubt[0], max(self.doubt[1], now)
        return ClockState(now) if last - first >= CONFIRM_S else replace(self, doubt=(first, last))


def finite_reading(clock: Callable[[], float]) -> float:
    """Return a reading of a clock for the log; 0 when it is no number.

    Args:
        clock: returns Unix seconds.
    """
    now = clock()
    return now if math.isfinite(now) else 0.0


def _is_ordinary_step(before: float, now: float) -> bool:
    return before - MAX_BACK_S <= now <= before + MAX_STEP_S
