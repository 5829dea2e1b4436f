"""The input of a simulated day, and the record of what a phone did in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pen_mobile.types import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Moments:
    """One person's frames of a day, in order.

    Attributes:
        time_s: seconds after midnight, ``[N]``.
        z: features, ``[N, D_z]``.
        affect: the person's labels, ``[N, 2]``.
    """

    time_s: Doubles
    z: Floats
    affect: Floats


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


@dataclass(frozen=True, eq=False)
class DayTrace:
    """The record of one simulated day.

    Attributes:
        predictions: estimates, each made before its label could be known, ``[N, 2]``.
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
