"""Quality over the course of a day: of everything so far, and of the last hours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.simulation.day_result import ESTIMATORS, SimulatedDay
from pen_mobile.simulation.stretch_quality import quality_of_stretches
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles

Over = Literal["so far", "lately"]
Measure = Literal["ccc", "rmse"]

_POINTS = 160  # of a curve
_FEWEST = 8  # moments that a point of a curve needs
_LATELY = 1 / 6  # of the day: how far back "lately" goes


@dataclass(frozen=True, eq=False)
class Curve:
    """One measure over the day, statistics over seeds.

    Attributes:
        mean: of every target at P times, errors on the labels' own scale, ``[P, K]``; NaN where undefined.
        std: standard deviation over seeds, ``[P, K]``.
    """

    mean: Doubles
    std: Doubles

    @classmethod
    def of_seeds(cls, seeds: list[Doubles]) -> Curve:
        """Summarize the curves of all seeds.

        Args:
            seeds: values of each seed, ``[P, 2]``; NaN where undefined.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # undefined for every seed stays undefined
            return cls(np.nanmean(seeds, axis=0), np.nanstd(seeds, axis=0))


@dataclass(frozen=True, eq=False)
class DayCurves:
    """All curves of a day.

    Attributes:
        time_s: seconds after midnight, ``[P]``.
        lately_s: length of the window called "lately", seconds.
        curves: by estimator, stretch and measure.
        targets: names and range of the labels.
    """

    time_s: Doubles
    lately_s: float
    curves: dict[tuple[str, Over, Measure], Curve]
    targets: Targets = VALENCE_AROUSAL

    def to_dict(self) -> dict[str, Any]:
        """Return the means as plain values for a JSON document."""
        found: dict[str, Any] = {"time_s": np.round(self.time_s, 1).tolist(), "lately_s": self.lately_s}
        for (estimator, over, measure), curve in self.curves.items():
            for column, dimension in enumerate(self.targets.names):
                values = [None if np.isnan(value) else round(float(value), 4) for value in curve.mean[:, column]]
                found.setdefault(estimator, {}).setdefault(over, {})[f"{measure}_{dimension}"] = values
        return found


def curves_of(day: SimulatedDay) -> DayCurves:
    """Return the quality of every estimator at times that are evenly spread over the day.

    Args:
        day: the simulated days of one person.
    """
    count, time_s = len(day.moments), day.moments.time_s
    lately_s = float(time_s[-1] - time_s[0]) * _LATELY
    ends = np.unique(np.linspace(min(_FEWEST, count), count, _POINTS).round().astype(np.intp))
    begins: dict[Over, NDArray[np.intp]] = {
        "so far": np.zeros_like(ends),
        "lately": np.minimum(np.searchsorted(time_s, time_s[ends - 1] - lately_s), np.maximum(ends - _FEWEST, 0)),
    }
    curves: dict[tuple[str, Over, Measure], Curve] = {}
    for estimator in ESTIMATORS:
        for over, begin in begins.items():
            found = [
                quality_of_stretches(one.predictions[estimator], day.moments.affect, begin, ends) for one in day.days
            ]
            curves[estimator, over, "ccc"] = Curve.of_seeds([quality.ccc for quality in found])
            curves[estimator, over, "rmse"] = Curve.of_seeds(
                [day.targets.half_width * quality.rmse for quality in found]
            )
    return DayCurves(time_s[ends - 1], lately_s, curves, day.targets)
