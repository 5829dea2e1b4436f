"""An owner's life as numbered operations: what each does to a real store, and what must be there afterwards."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.faults.store_reader import StoreReader

SIZE = 256
STATE_BYTES = 20_000
BINDING = BundleBinding("a" * 64, SIZE, STATE_BYTES)
# The clock counts operations, so "50 operations" is an age.
KEEP, KEEP_AGE, KEEP_STATES = 40, 50, 4
RETENTION = Retention(samples=KEEP, days=KEEP_AGE / 86_400, heads=KEEP_STATES, share=1.0)


class Clock:
    """The number of the operation under way."""

    now = 0

    def __call__(self) -> float:
        return float(self.now)


def key_of(path: Path) -> bytes | None:
    """Return the key of a store: those with "sealed" in their name are encrypted."""
    return bytes(range(32)) if "sealed" in path.name else None


def open_store(path: Path, clock: Clock, **options: Any) -> Store:
    return Store(path, BINDING, StoreOptions(key=key_of(path), retention=RETENTION, clock=clock, **options))


def feature(moment: str) -> np.ndarray:
    raw = hashlib.shake_256(moment.encode()).digest(2 * SIZE)
    return np.frombuffer(raw, "<u2").astype(np.float32) / np.float32(1000)


def state_blob(n: int) -> bytes:
    return hashlib.shake_256(f"state {n}".encode()).digest(STATE_BYTES)


def captured(n: int) -> list[str]:
    """Moments labelled in operation n: one, an old one again, or several that come whole or not at all."""
    if n % 10 == 5:
        return [f"{n - 4}.0"]
    return [f"{n}.{k}" for k in range({7: 20 if n % 100 == 7 else 3}.get(n % 10, 1))]


def label(n: int) -> float:
    return (n % 1000) / 1000


def kind_of(n: int) -> str:
    if n % 50 == 49:
        return "reset"
    return {0: "accept", 4: "reject", 6: "accept", 9: "rollback"}.get(n % 10, "capture")


def perform(opened: Store, n: int, clock: Clock) -> None:
    """Do operation n for real."""
    clock.now, kind = n, kind_of(n)
    if kind == "accept":
        opened.accept(state_blob(n), {"n": n}, started_from=opened.heads.active())
    elif kind == "reject":
        opened.reject({"n": n}, started_from=opened.heads.active())
    elif kind == "rollback":
        opened.rollback()
    elif kind == "reset":
        opened.reset()
    else:
        z = np.stack([feature(moment) for moment in captured(n)])
        opened.add(z, np.full((len(z), 2), label(n), np.float32))


@dataclass
class Expected:
    """What a store must hold; written without a look at the store's SQL.

    ``samples`` maps a moment to (captured_at, order of arrival, label); ``states`` holds
    [version, parent, status, n of the blob or None].
    """

    samples: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    states: list[list[Any]] = field(default_factory=list)
    arrivals: int = 0

    def perform(self, n: int) -> None:
        getattr(self, f"_{kind_of(n)}")(n)

    def content(self) -> dict[str, Any]:
        """Return what :func:`content_of` must find."""
        order = sorted(self.samples, key=lambda moment: self.samples[moment][:2])
        return {
            "samples": [(feature(moment).tobytes(), float(np.float32(self.samples[moment][2]))) for moment in order],
            "states": [
                (version, parent, status, None if n is None else state_blob(n))
                for version, parent, status, n in self.states
            ],
        }

    @property
    def _active(self) -> list[Any] | None:
        return next((state for state in self.states if state[2] == "active"), None)

    def _capture(self, n: int) -> None:
        for moment in captured(n):
            self.arrivals += 1
            arrival = self.samples[moment][1] if moment in self.samples else self.arrivals
            self.samples[moment] = (n, arrival, label(n))
        young = {moment: sample for moment, sample in self.samples.items() if sample[0] >= n - KEEP_AGE}
        kept = sorted(young, key=lambda moment: young[moment][:2])[-KEEP:]
        self.samples = {moment: young[moment] for moment in kept}

    def _accept(self, n: int) -> None:
        active = self._active
        parent = None if active is None else active[0]
        if active is not None:
            active[2] = "superseded"
        self.states.append([len(self.states) + 1, parent, "active", n])
        with_blob = [state for state in self.states if state[3] is not None]
        for state in with_blob[:-KEEP_STATES]:
            if state[0] != parent:
                state[3] = None

    def _reject(self, n: int) -> None:
        active = self._active
        self.states.append([len(self.states) + 1, None if active is None else active[0], "rejected", None])

    def _rollback(self, n: int) -> None:
        active = self._active
        assert active is not None
        active[2] = "superseded"
        if active[1] is not None:
            self.states[active[1] - 1][2] = "active"

    def _reset(self, n: int) -> None:
        if self._active is not None:
            self._active[2] = "superseded"


def content_of(path: Path) -> dict[str, Any]:
    """Read a store without the toolkit."""
    with closing(StoreReader(path, key_of(path))) as store:
        samples = store.samples()
        assert all(len(set(sample["labels"])) == 1 for sample in samples)
        return {
            "samples": [(sample["feature"], sample["labels"][0]) for sample in samples],
            "states": [(head["version"], head["parent"], head["status"], head["parameters"]) for head in store.heads()],
        }


def content_of_version_1(path: Path) -> dict[str, Any]:
    """Read a store of the first release with sqlite3 alone; of a head, without the optimizer's slots behind it."""
    with closing(sqlite3.connect(path)) as db:
        samples = db.execute("SELECT feature, valence FROM sample ORDER BY captured_at, id").fetchall()
        states = db.execute("SELECT version, parent, status, blob FROM head_state ORDER BY version").fetchall()
    kept = [(*state[:3], None if state[3] is None else state[3][:STATE_BYTES]) for state in states]
    return {"samples": [(z, float(np.float32(label))) for z, label in samples], "states": kept}
