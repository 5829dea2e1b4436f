"""Settings and results of a simulated day."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.simulation.day_trace import DayTrace, Moments
from pen_mobile.simulation.device_profile import Profile
from pen_mobile.simulation.schedule import HOUR_S, Pace, seconds_after_midnight, time_of_day
from pen_mobile.simulation.stretch_quality import Quality, quality_of_day
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Floats
from pen_mobile.utils.plain import to_plain

NEVER, PHONE, EVERYTHING, OWN_MEAN = "never adapting", "this phone", "everything, no limits", "own mean so far"
ESTIMATORS = (NEVER, PHONE, EVERYTHING, OWN_MEAN)
"""The phone of the day and its baselines, in the order in which tables list them."""


@dataclass(frozen=True)
class DaySettings:
    """Settings of a simulated day.

    Attributes:
        subject: the person.
        profile: the device.
        ask: name of the query strategy.
        per_hour: queries per hour of the day.
        hours: length of the day to which the recording is stretched; None keeps the recording's own pace.
        start: begin of the day, ``HH:MM``.
        seeds: one day is simulated for each.
        smooth: whether predictions pass a One-Euro filter.
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
        """Refuse numbers that make no day, an unknown query strategy or a wrong start before work begins."""
        if not 0 < self.per_hour < math.inf:
            raise BadInput(f"--budget is {self.per_hour:g}; give a number above 0")
        if self.hours is not None and not 0 < self.hours < math.inf:
            raise BadInput(f"--hours is {self.hours:g}; give a number above 0")
        if not self.seeds or min(self.seeds) < 0:
            raise BadInput("--seeds: give at least one, each 0 or above")
        QueryStrategy(self.ask, self.per_hour)
        seconds_after_midnight(self.start)


@dataclass(frozen=True, eq=False)
class OneDay:
    """The day of one seed.

    Attributes:
        seed: seed of queries.
        trace: record of the phone.
        predictions: predictions of every estimator in :data:`ESTIMATORS`, ``[N, K]``, after smoothing if any.
    """

    seed: int
    trace: DayTrace
    predictions: dict[str, Floats]

    def to_dict(self, moments: Moments, targets: Targets) -> dict[str, Any]:
        """Return the numbers of this day as plain values.

        Args:
            moments: frames and labels of the day.
            targets: names and range of the labels.
        """
        found = {name: quality_of_day(values, moments.affect) for name, values in self.predictions.items()}
        return {
            "seed": self.seed,
            **self.trace.to_dict(moments.time_s),
            "quality": {
                name: {key: values[0] for key, values in quality.columns(targets).items()}
                for name, quality in found.items()
            },
        }


@dataclass(frozen=True, eq=False)
class SimulatedDay:
    """Simulated days of one person.

    Attributes:
        settings: settings of the simulation.
        origin: name of the data.
        digest: SHA-256 of the data.
        synthetic: whether the person is invented.
        recorded_s: length of the recording, seconds.
        pace: mapping from the recording to the day.
        moments: frames and labels.
        days: one for each seed.
        frame_host_seconds: median time of a frame on this machine before the head; 0 if features were given.
        memory_enforced: whether the profile's memory limit was enforced.
        targets: names and range of the labels.
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
    targets: Targets = VALENCE_AROUSAL

    def quality(self, estimator: str) -> list[Quality]:
        """Return the quality of one estimator over the whole day, one for each seed.

        Args:
            estimator: a name in :data:`ESTIMATORS`.
        """
        return [quality_of_day(day.predictions[estimator], self.moments.affect) for day in self.days]

    def mean_quality(self, estimator: str) -> dict[str, float | None]:
        """Return CCC and RMSE of every target, mean over seeds; None where undefined.

        Args:
            estimator: a name in :data:`ESTIMATORS`.
        """
        found = [quality.columns(self.targets) for quality in self.quality(estimator)]
        return {key: _mean([one[key][0] for one in found]) for key in found[0]}

    @property
    def query_count(self) -> float:
        """Queries of a day, mean over seeds."""
        return statistics.fmean(len(day.trace.queries) for day in self.days)

    @property
    def device_seconds(self) -> float | None:
        """Estimated median time of an adaptation on the device, or None without adaptations."""
        seconds = [attempt.device_seconds for day in self.days for attempt in day.trace.attempts]
        return statistics.median(seconds) if seconds else None

    @property
    def pace_line(self) -> str:
        """One line that says how the recording was stretched."""
        begin, end = map(time_of_day, self.moments.bounds_s)
        if self.settings.hours is None:
            return f"{len(self.moments)} moments in {self.recorded_s:.0f} s, at their own pace from {begin} on"
        return (
            f"{len(self.moments)} moments in {self.recorded_s:.0f} s, stretched {self.pace.factor:.0f} times to "
            f"{self.settings.hours:g} h, {begin} to {end}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of ``day.json``."""
        begin, end = self.moments.bounds_s
        return {
            "subject": self.settings.subject,
            "synthetic": self.synthetic,
            "data": {"origin": self.origin, "digest": self.digest, "moments": len(self.moments)},
            "settings": to_plain(self.settings),
            "pace": {
                "recorded_seconds": self.recorded_s,
                "factor": self.pace.factor,
                "hours": (end - begin) / HOUR_S,
                "text": self.pace_line,
            },
            "quality": {estimator: self.mean_quality(estimator) for estimator in ESTIMATORS},
            "days": [day.to_dict(self.moments, self.targets) for day in self.days],
            "estimated": {
                "note": f"time on {self.settings.profile.name} is estimated: this machine's, times slowdown",
                "frame_seconds": self.frame_host_seconds * self.settings.profile.slowdown,
                "adaptation_seconds": self.device_seconds,
            },
            "memory": {"cap_mb": self.settings.profile.memory_mb, "enforced": self.memory_enforced},
        }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
