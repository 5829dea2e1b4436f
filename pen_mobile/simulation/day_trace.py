"""The input of a simulated day, and the record of what a phone did in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pen_mobile.simulation.schedule import time_of_day
from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.table import Cell, Row
from pen_mobile.utils.text import decimal


@dataclass(frozen=True, eq=False)
class Moments:
    """One person's frames of a day, in order.

    Attributes:
        time_s: seconds after midnight, ``[N]``.
        z: features, ``[N, D_z]``.
        affect: the person's labels on the scale from -1 to 1, ``[N, K]``.
    """

    time_s: Doubles
    z: Floats
    affect: Floats

    def __len__(self) -> int:
        """Return N."""
        return len(self.time_s)

    @property
    def bounds_s(self) -> tuple[float, float]:
        """First and last moment, seconds after midnight."""
        return float(self.time_s[0]), float(self.time_s[-1])

    @property
    def median_gap_s(self) -> float:
        """Time from one moment to the next."""
        return float(np.median(np.diff(self.time_s)))


@dataclass(frozen=True)
class AdaptationAttempt:
    """One adaptation.

    Attributes:
        moment: row of :class:`Moments` before which it ran; it knew labels of earlier rows only.
        time_s: start, seconds after midnight.
        labels: number of labels in the store.
        accepted: whether the new head was taken into use.
        reason: reason of that decision.
        host_seconds: duration on this machine.
        device_seconds: estimated duration on the device.
        celsius: temperature of the device at the end.
    """

    moment: int
    time_s: float
    labels: int
    accepted: bool
    reason: str
    host_seconds: float
    device_seconds: float
    celsius: float

    def row(self, seed: str | None = None) -> Row:
        """Return the line of a table: time, seed if given, labels, decision, seconds, temperature and reason.

        Args:
            seed: seed of the day.
        """
        return Row(
            [
                time_of_day(self.time_s),
                *([] if seed is None else [seed]),
                str(self.labels),
                Cell("accepted", tone="better") if self.accepted else Cell("refused", tone="worse"),
                decimal(self.device_seconds, 2),
                decimal(self.celsius, 1),
                self.reason,
            ]
        )


@dataclass(frozen=True, eq=False)
class DayTrace:
    """The record of one simulated day.

    Attributes:
        predictions: estimates, each made before its label could be known, ``[N, K]``.
        celsius: temperature of the device, ``[N]``.
        queries: rows whose label the phone asked for.
        attempts: adaptations, accepted or not.
        refused: messages of a full store that refused a label or a head.
    """

    predictions: Floats
    celsius: Doubles
    queries: list[int] = field(default_factory=list)
    attempts: list[AdaptationAttempt] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, count: int, target_count: int) -> DayTrace:
        """Return the record of a day that has not begun.

        Args:
            count: N, moments of the day.
            target_count: K.
        """
        return cls(np.empty((count, target_count), np.float32), np.empty(count))

    def to_dict(self, time_s: Doubles) -> dict[str, Any]:
        """Return queries, adaptations and temperature as plain values.

        Args:
            time_s: seconds after midnight of the moments, ``[N]``.
        """
        return {
            "queries": [{"moment": row, "time_s": float(time_s[row])} for row in self.queries],
            "attempts": to_plain(self.attempts),
            "refused_by_full_store": self.refused,
            "warmest_celsius": round(float(self.celsius.max()), 2),
        }
