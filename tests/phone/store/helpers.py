"""What several tests of the store use."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.store import Store

BINDING = BundleBinding("b" * 64, 8, 400)
KEY = bytes(range(32))


def samples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features ``[count, 8]`` and labels ``[count, 2]``."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 8), np.float32), rng.uniform(-1, 1, (count, 2)).astype(np.float32)


def blob(value: int, count: int = 100) -> bytes:
    """Return head parameters that are all one value."""
    return np.full(count, value, "<f4").tobytes()


def accept(store: Store, parameters: bytes, metrics: dict[str, object], strategy: str | None = None) -> int:
    """Take a head into use that was trained from the one in use."""
    return store.accept(parameters, metrics, strategy, started_from=store.heads.active())


def in_use(store: Store) -> tuple[int, bytes] | None:
    """Return version and parameters of the head in use, or None for the bundle's initial head."""
    head, parameters = store.active_parameters()
    if head.version is None:
        return None
    assert parameters is not None
    return head.version, parameters


def kinds(store: Store) -> list[str]:
    """Return the kinds of all events."""
    return [event["kind"] for event in store.events.entries()]


def tamper(path: Path, sql: str, values: Sequence[Any] = ()) -> None:
    """Change a store's file as somebody does who has the file and SQLite, but not the key."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA ignore_check_constraints = ON")
        assert db.execute(sql, values).rowcount != 0
    finally:
        db.close()


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a store's file with sqlite3 alone."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
