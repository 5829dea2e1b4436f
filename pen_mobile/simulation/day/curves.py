"""Quality over the day: of everything so far, and of the last hours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.simulation.day.day_result import LINES, SimulatedDay
from pen_mobile.simulation.day.quality import quality_of_stretches
from pen_mobile.types import Doubles

Over = Literal["so far", "lately"]
Measure = Literal["ccc", "rmse"]

_POINTS = 160  # of a curve
_FEWEST = 8  # moments that a point of a curve needs
_LATELY = 1 / 6  # of the day: how far back "lately" goes


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean and standard deviation over seeds at P times, ``[P, 2]`` each (valence, arousal); NaN where undefined."""

    mean: Doubles
    std: Doubles


@dataclass(frozen=True, eq=False)
class Curves:
    """Every curve of a day.

    Attributes:
        time_s: seconds after midnight, ``[P]``.
        lately_s: how far back "lately" goes.
        curves: by line, stretch and measure.
    """

    time_s: Doubles
    lately_s: float
    curves: dict[tuple[str, Over, Measure], Curve]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        found: dict[str, Any] = {"time_s": np.round(self.time_s, 1).tolist(), "lately_s": self.lately_s}
        for (line, over, measure), curve in self.curves.items():
            for column, dimension in enumerate(("valence", "arousal")):
                values = [None if np.isnan(value) else round(float(value), 4) for value in curve.mean[:, column]]
                found.setdefault(line, {}).setdefault(over, {})[f"{measure}_{dimension}"] = values
        return found


def curves_of(day: SimulatedDay) -> Curves:
    """Measure every line after moments that are evenly spread over the day."""
    count, time_s = len(day.moments.time_s), day.moments.time_s
    lately_s = float(time_s[-1] - time_s[0]) * _LATELY
    ends = np.unique(np.linspace(min(_FEWEST, count), count, _POINTS).round().astype(np.intp))
    begins: dict[Over, NDArray[np.intp]] = {
        "so far": np.zeros_like(ends),
        "lately": np.minimum(np.searchsorted(time_s, time_s[ends - 1] - lately_s), np.maximum(ends - _FEWEST, 0)),
    }
    curves: dict[tuple[str, Over, Measure], Curve] = {}
    for line in LINES:
        for over, begin in begins.items():
            found = [quality_of_stretches(one.said[line], day.moments.affect, begin, ends) for one in day.days]
            curves[line, over, "ccc"] = _curve([quality.ccc for quality in found])
            curves[line, over, "rmse"] = _curve([quality.rmse for quality in found])
    return Curves(time_s[ends - 1], lately_s, curves)


def _curve(seeds: list[Doubles]) -> Curve:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # undefined for every seed stays undefined
        return Curve(np.nanmean(seeds, axis=0), np.nanstd(seeds, axis=0))
