"""From the times of a recording to times of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles

Seconds = TypeVar("Seconds", float, Doubles)

HOUR_S = 3600.0
_MIDNIGHT = 946_684_800.0  # 2000-01-01 00:00 UTC: the day that every simulation lives through


@dataclass(frozen=True)
class Pace:
    """When the day begins, and how fast the recording is replayed.

    Attributes:
        start_s: seconds after midnight.
        factor: seconds of the day for a second of the recording.
    """

    start_s: float
    factor: float

    def times(self, recorded_s: Doubles) -> Doubles:
        """Return seconds after midnight of every moment."""
        moved: Doubles = self.start_s + (recorded_s - recorded_s[0]) * self.factor
        return moved


def pace_of(recorded_s: Doubles, start: str, hours: float | None) -> Pace:
    """Stretch a recording over so many hours, or replay it at its own pace when None.

    Raises:
        BadInput: the recording has fewer than two moments.
    """
    if len(recorded_s) < 2:
        raise BadInput("a day needs at least two moments of a recording")
    length_s = float(recorded_s[-1] - recorded_s[0])
    return Pace(seconds_after_midnight(start), 1.0 if hours is None else hours * HOUR_S / length_s)


def seconds_after_midnight(text: str) -> float:
    """Read ``HH:MM``.

    Raises:
        BadInput: it is not a time of the day.
    """
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise BadInput(f"{text!r} is not a time of the day such as 07:00")
    return 3600.0 * int(found[1]) + 60.0 * int(found[2])


def time_of_day(seconds: float) -> str:
    """Return seconds after midnight as ``HH:MM``; the next day begins at 00:00 again."""
    minutes = int(seconds // 60) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def unix_time(seconds: Seconds) -> Seconds:
    """Return seconds after midnight as Unix seconds of the day that is simulated."""
    return _MIDNIGHT + seconds
