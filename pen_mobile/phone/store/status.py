"""What a store holds, at a glance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class StoreStatus:
    """How a store stands.

    Attributes:
        path: of the file.
        bytes: on disk, with the write-ahead log.
        encrypted: whether the store has a key.
        bundle: what the store notes of its bundle.
        samples: number of labelled samples.
        oldest, newest: capture times of the first and the last sample, Unix seconds.
        active_version: head version in use; None is the bundle's initial head.
        states: number of head versions by status.
        last_adaptation: the last attempt, accepted or not.
    """

    path: str
    bytes: int
    encrypted: bool
    bundle: dict[str, Any]
    samples: int
    oldest: float | None
    newest: float | None
    active_version: int | None
    states: dict[str, int]
    last_adaptation: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return asdict(self)
