"""Times of a recording as times of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles

Seconds = TypeVar("Seconds", float, Doubles)

HOUR_S = 3600.0
_MIDNIGHT = 946_684_800.0  # 2000-01-01 00:00 UTC, the day of every simulation


@dataclass(frozen=True)
class Pace:
    """Begin of a day and speed of the replay.

    Attributes:
        start_s: seconds after midnight.
        factor: seconds of the day for one second of the recording.
    """

    start_s: float
    factor: float

    def times(self, recorded_s: Doubles) -> Doubles:
        """Return times of the day.

        Args:
            recorded_s: times of the recording in seconds, ``[N]``.

        Returns:
            Seconds after midnight, ``[N]``.
        """
        moved: Doubles = self.start_s + (recorded_s - recorded_s[0]) * self.factor
        return moved


def pace_of(recorded_s: Doubles, start: str, hours: float | None) -> Pace:
    """Return the pace that stretches a recording to a day.

    Args:
        recorded_s: times of the recording in seconds, ``[N]``.
        start: begin of the day, ``HH:MM``.
        hours: length of the day; None keeps the recording's own pace.

    Raises:
        BadInput: the recording has fewer than two moments, or no length.
    """
    length_s = float(recorded_s[-1] - recorded_s[0]) if len(recorded_s) else 0.0
    if not length_s > 0:
        raise BadInput("a day needs a recording with moments at two times at least")
    return Pace(seconds_after_midnight(start), 1.0 if hours is None else hours * HOUR_S / length_s)


def seconds_after_midnight(text: str) -> float:
    """Return seconds after midnight of a time of the day.

    Args:
        text: ``HH:MM``.

    Raises:
        BadInput: ``text`` is not a time of the day.
    """
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise BadInput(f"{text!r} is not a time of the day such as 07:00")
    return 3600.0 * int(found[1]) + 60.0 * int(found[2])


def time_of_day(seconds: float) -> str:
    """Return a time of the day as ``HH:MM``.

    Args:
        seconds: seconds after midnight; the next day begins at 00:00 again.
    """
    minutes = int(seconds // 60) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def unix_time(seconds: Seconds) -> Seconds:
    """Return Unix seconds of the simulated day.

    Args:
        seconds: seconds after midnight.
    """
    return _MIDNIGHT + seconds
