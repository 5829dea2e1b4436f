"""What happens to one person in a day, and what a phone made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pen_mobile.types import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Moments:
    """What happens to one person: seconds after midnight ``[N]``, features ``[N, D_z]``, what is felt ``[N, 2]``."""

    time_s: Doubles
    z: Floats
    affect: Floats


@dataclass(frozen=True)
class Attempt:
    """One adaptation.

    Attributes:
        moment: it ran before this one, knowing labels of earlier ones only.
        time_s: when it began, seconds after midnight.
        labels: how many it knew.
        accepted, reason: what the guard said.
        host_seconds, device_seconds: how long it took here, and the estimate for the device.
        celsius: of the device when it ended.
    """

    moment: int
    time_s: float
    labels: int
    accepted: bool
    reason: str
    host_seconds: float
    device_seconds: float
    celsius: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Lived:
    """A day that is over.

    Attributes:
        said: what the phone said at every moment, before it knew more about it, ``[N, 2]``.
        asked: moments that the owner was asked about.
        attempts: adaptations, accepted or not.
        celsius: temperature of the device at every moment, ``[N]``.
        refused: what a full store refused: labels and heads.
    """

    said: Floats
    celsius: Doubles
    asked: list[int] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
