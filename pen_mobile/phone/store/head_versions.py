"""Head states in a store: every attempt to adapt, accepted or not, and which one is in use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import SEAL_BYTES, Sealer

_RECORD = """
    INSERT INTO head_state (version, parent, status, blob, sha256, strategy, metrics, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_STORED = """
    SELECT length(blob) - (SELECT CASE WHEN key_check IS NULL THEN 0 ELSE ? END FROM bundle), with_slots, strategy
    FROM head_state WHERE version = ?
"""
# What releases before schema 3 kept: parameters and slots of the same size, then Adam's two scalars.
_SLOTS = {"adadelta": (3, 0), "sgd": (2, 0), "adam": (3, 8)}


class ActiveHead(NamedTuple):
    """Which head is in use, for whoever trains from it and comes back later.

    Attributes:
        generation: grows when data are deleted and when the bundle changes: what was learned before must not come
            back after.
        version: of the head state; None is the bundle's initial head.
    """

    generation: int
    version: int | None


class ConcurrentUpdateError(BadInput):
    """Another head came into use while one was trained, so that nobody compared the two."""


class StateTable:
    """The head states of one store; writing belongs inside a transaction of the caller."""

    def __init__(self, path: Path, database: Database, sealer: Sealer, clock: Callable[[], float]) -> None:
        self._path, self._db, self._sealer, self._clock = path, database, sealer, clock

    def in_use(self) -> ActiveHead:
        """Say which head is in use."""
        row = self._db.rows(
            "SELECT generation, version FROM bundle LEFT JOIN head_state ON head_state.status = 'active'"
        )[0]
        return ActiveHead(*row)

    def blob(self, version: int) -> bytes:
        """Return the bytes of a head state; BadInput when they are damaged or no longer kept."""
        return self._sealer.unseal(self._stored(version), _identity(version))

    def record(
        self,
        status: Literal["active", "rejected"],
        blob: bytes | None,
        metrics: dict[str, Any],
        strategy: str | None,
        parent: int | None,
    ) -> int:
        """Write one attempt; an active one replaces the one in use. Returns its version."""
        if status == "active":
            self.supersede()
        version = self._db.number("SELECT coalesce(max(version), 0) + 1 FROM head_state")
        stored = None if blob is None else self._sealer.seal(blob, _identity(version))
        sha256 = None if stored is None else hashlib.sha256(stored).hexdigest()
        text, now = json.dumps(metrics, allow_nan=False), self._clock()
        self._db.execute(_RECORD, (version, parent, status, stored, sha256, strategy, text, now))
        return version

    def supersede(self) -> None:
        """Take the head in use out of use: the bundle's initial head is in use then."""
        self._db.execute("UPDATE head_state SET status = 'superseded' WHERE status = 'active'")

    def step_back(self, version: int) -> int | None:
        """Take the parent of the state in use back into use; returns its version, None for the initial head.

        Raises:
            BadInput: the parent's bytes are damaged or no longer kept.
        """
        parent: int | None = self._db.rows("SELECT parent FROM head_state WHERE version = ?", (version,))[0][0]
        self.supersede()
        if parent is not None:
            self._stored(parent)
            self._db.execute("UPDATE head_state SET status = 'active' WHERE version = ?", (parent,))
        return parent

    def fits(self, version: int, head_bytes: int) -> bool:
        """Return whether a state's parameters are as large as those of a head of so many bytes."""
        size, with_slots, strategy = self._db.rows(_STORED, (SEAL_BYTES, version))[0]
        if not with_slots:
            return bool(size == head_bytes)
        ways = [_SLOTS[strategy]] if strategy in _SLOTS else list(_SLOTS.values())
        return any(size == times * head_bytes + more for times, more in ways)

    def drop_blobs(self) -> None:
        """Keep what every state measured, and none of their bytes."""
        self.supersede()
        self._db.execute("UPDATE head_state SET blob = NULL")

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first, with what it measured and the reason."""
        rows = self._db.records(
            "SELECT version, parent, status, created_at, strategy, blob IS NOT NULL AS kept, sha256, metrics "
            "FROM head_state ORDER BY version"
        )
        metrics = [json.loads(row.pop("metrics")) for row in rows]
        return [row | {"kept": bool(row["kept"])} | measured for row, measured in zip(rows, metrics, strict=True)]

    def _stored(self, version: int) -> bytes:
        row = self._db.row("SELECT blob, sha256 FROM head_state WHERE version = ?", (version,))
        if row is None or row[0] is None:
            raise BadInput(f"{self._path}: head state {version} is no longer kept; 'reset' goes to the initial head")
        stored: bytes = row[0]
        if hashlib.sha256(stored).hexdigest() != row[1]:
            raise BadInput(
                f"{self._path}: head state {version} is damaged (its SHA-256 differs); 'rollback' or 'reset' leaves it"
            )
        return stored


def _identity(version: int) -> bytes:
    return f"head state {version}".encode()
