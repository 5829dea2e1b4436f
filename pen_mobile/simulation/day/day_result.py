"""What a simulated day leaves behind, and how good every line was."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.simulation.day.day_trace import Lived, Moments
from pen_mobile.simulation.day.quality import Quality, quality_of_day
from pen_mobile.simulation.day.schedule import HOUR_S, Pace, seconds_after_midnight, time_of_day
from pen_mobile.simulation.device_profile import Profile
from pen_mobile.types import Floats

NEVER, PHONE, EVERYTHING, OWN_MEAN = "never adapting", "this phone", "everything, no limits", "own mean so far"
LINES = (NEVER, PHONE, EVERYTHING, OWN_MEAN)


@dataclass(frozen=True)
class DaySettings:
    """How a day is simulated.

    Attributes:
        subject: whose day.
        profile: of which device.
        ask: name of the strategy that chooses questions.
        per_hour: questions an hour of the day.
        hours: length of the day to which the recording is stretched; None replays it at its own pace.
        start: when the day begins, ``HH:MM``.
        seeds: a day for each.
        smooth: whether what is said passes a One-Euro filter.
    """

    subject: str
    profile: Profile
    ask: str
    per_hour: float
    hours: float | None
    start: str
    seeds: tuple[int, ...]
    smooth: bool = False

    def __post_init__(self) -> None:
        QueryStrategy(self.ask, self.per_hour)
        seconds_after_midnight(self.start)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return vars(self) | {"profile": self.profile.model_dump(), "seeds": list(self.seeds)}


@dataclass(frozen=True, eq=False)
class OneDay:
    """One seed's day.

    Attributes:
        seed: decided questions by chance and what adaptations hold out.
        lived: the phone's day.
        said: estimates of every line of :data:`LINES`, ``[N, 2]``, as they were shown.
    """

    seed: int
    lived: Lived
    said: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class SimulatedDay:
    """Everything about the days of one person.

    Attributes:
        settings: what was asked for.
        origin, digest, synthetic: the data.
        recorded_s: length of the recording.
        pace: how it became a day.
        moments: what happened.
        days: one for each seed.
        frame_host_seconds: median time of a frame on this machine before the head; 0 when features were given.
        memory_enforced: whether the profile's memory cap held here.
    """

    settings: DaySettings
    origin: str
    digest: str
    synthetic: bool
    recorded_s: float
    pace: Pace
    moments: Moments
    days: list[OneDay]
    frame_host_seconds: float
    memory_enforced: bool

    def quality(self, line: str) -> list[Quality]:
        """Return how good a line was over the whole day, one for each seed."""
        return [quality_of_day(day.said[line], self.moments.affect) for day in self.days]

    def mean_quality(self, line: str) -> dict[str, float | None]:
        """Return CCC and RMSE of both dimensions, mean over seeds; None where undefined."""
        found = [quality.as_json() for quality in self.quality(line)]
        return {key: _mean([one[key][0] for one in found]) for key in found[0]}

    @property
    def asked(self) -> float:
        """Questions of a day, mean over seeds."""
        return statistics.fmean(len(day.lived.asked) for day in self.days)

    @property
    def device_seconds(self) -> float | None:
        """Estimated median time of an adaptation on the device, or None when there was none."""
        seconds = [attempt.device_seconds for day in self.days for attempt in day.lived.attempts]
        return statistics.median(seconds) if seconds else None

    @property
    def median_gap_s(self) -> float:
        """Time from one moment to the next on the day's clock."""
        return float(np.median(np.diff(self.moments.time_s)))

    @property
    def pace_line(self) -> str:
        """Say what one second of the recording stands for."""
        begin, end = (time_of_day(float(self.moments.time_s[place])) for place in (0, -1))
        if self.settings.hours is None:
            return f"{len(self.moments.time_s)} moments in {self.recorded_s:.0f} s, at their own pace from {begin} on"
        return (
            f"{len(self.moments.time_s)} moments in {self.recorded_s:.0f} s, stretched {self.pace.factor:.0f} times to "
            f"{self.settings.hours:g} h, {begin} to {end}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the numbers for a JSON document."""
        return {
            "subject": self.settings.subject,
            "synthetic": self.synthetic,
            "data": {"origin": self.origin, "digest": self.digest, "moments": len(self.moments.time_s)},
            "settings": self.settings.as_json(),
            "pace": {
                "recorded_seconds": self.recorded_s,
                "factor": self.pace.factor,
                "hours": float(self.moments.time_s[-1] - self.moments.time_s[0]) / HOUR_S,
                "text": self.pace_line,
            },
            "quality": {line: self.mean_quality(line) for line in LINES},
            "days": [self._day_json(day) for day in self.days],
            "estimated": {
                "note": f"time on {self.settings.profile.name} is estimated: this machine's, times slowdown",
                "frame_seconds": self.frame_host_seconds * self.settings.profile.slowdown,
                "adaptation_seconds": self.device_seconds,
            },
            "memory": {"cap_mb": self.settings.profile.memory_mb, "enforced": self.memory_enforced},
        }

    def _day_json(self, day: OneDay) -> dict[str, Any]:
        return {
            "seed": day.seed,
            "asked": [{"moment": row, "time_s": float(self.moments.time_s[row])} for row in day.lived.asked],
            "attempts": [attempt.as_json() for attempt in day.lived.attempts],
            "refused_by_full_store": day.lived.refused,
            "warmest_celsius": round(float(day.lived.celsius.max()), 2),
            "quality": {
                line: {key: values[0] for key, values in quality_of_day(said, self.moments.affect).as_json().items()}
                for line, said in day.said.items()
            },
        }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
