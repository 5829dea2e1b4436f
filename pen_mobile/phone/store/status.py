"""What a store holds, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pen_mobile.utils.plain import Result


@dataclass(frozen=True)
class StoreStatus(Result):
    """How a store stands.

    Attributes:
        path: of the file.
        bytes: on disk, with the write-ahead log.
        encrypted: whether the store has a key.
        bundle: what the store notes of its bundle.
        samples: number of labelled samples.
        oldest, newest: capture times of the first and the last sample, Unix seconds; None: no sample, or no key.
        active_version: head version in use; None is the bundle's initial head.
        heads: number of head versions by status.
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
    heads: dict[str, int]
    last_adaptation: dict[str, Any] | None
