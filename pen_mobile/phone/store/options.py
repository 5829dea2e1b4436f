"""How a store is opened: the key, what it keeps and how."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pen_mobile.phone.store.database import WAIT_S
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.sample_record import Format

OnOtherBackbone = Literal["refuse", "forget"]
"""What to do with a store of another backbone or of other targets: refuse it, or delete its samples and go on."""


@dataclass(frozen=True)
class StoreOptions:
    """How to open a store.

    Attributes:
        key: 32 bytes from the host's keystore; a store made with a key is encrypted. None: not encrypted.
        retention: limits of what the store keeps.
        feature_format: number format of new features; float16 halves them.
        clock: returns the present time, Unix seconds.
        quota_bytes: largest size of the file; None is no limit.
        on_other_backbone: ``forget`` deletes samples and heads of another backbone, or of other targets, instead of
            refusing the store.
        allow_older_bundle: take a bundle of the same model with a lower serial than the store has seen.
        wait_s: how long to wait for another process that is writing.
    """

    key: bytes | None = None
    retention: Retention = field(default_factory=Retention)
    feature_format: Format = "float32"
    clock: Callable[[], float] = time.time
    quota_bytes: int | None = None
    on_other_backbone: OnOtherBackbone = "refuse"
    allow_older_bundle: bool = False
    wait_s: float = WAIT_S
