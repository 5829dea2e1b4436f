"""Head versions in a store: every attempt to adapt, accepted or not, and which one is in use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import SEAL_BYTES, Cipher

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
    """The head in use, noted by an adaptation that starts from it.

    Attributes:
        generation: grows when data are deleted and when the bundle changes; a head learned before is not accepted
            after.
        version: of the head; None is the bundle's initial head.
    """

    generation: int
    version: int | None


class ConcurrentUpdateError(BadInput):
    """Another head came into use while one was trained, so the two were never compared."""


class HeadVersions:
    """The head versions of one store; writing belongs inside a transaction of the caller."""

    def __init__(self, path: Path, database: Database, cipher: Cipher, clock: Callable[[], float]) -> None:
        self._path, self._db, self._cipher, self._clock = path, database, cipher, clock

    def active(self) -> ActiveHead:
        """Return the head in use."""
        row = self._db.rows(
            "SELECT generation, version FROM bundle LEFT JOIN head_state ON head_state.status = 'active'"
        )[0]
        return ActiveHead(*row)

    def parameters(self, version: int) -> bytes:
        """Return the parameters of a head version.

        Args:
            version: of the head.

        Returns:
            The head parameters ``[n_s (1 + K), D_z + 1]``, little-endian float32.

        Raises:
            BadInput: they are damaged or no longer kept.
        """
        return self._cipher.open(self._stored(version), _identity(version))

    def record(
        self,
        status: Literal["active", "rejected"],
        blob: bytes | None,
        metrics: dict[str, Any],
        strategy: str | None,
        parent: int | None,
    ) -> int:
        """Write one attempt; an active one replaces the one in use. Return its version."""
        if status == "active":
            self.supersede()
        version = self._db.number("SELECT coalesce(max(version), 0) + 1 FROM head_state")
        stored = None if blob is None else self._cipher.seal(blob, _identity(version))
        sha256 = None if stored is None else hashlib.sha256(stored).hexdigest()
        text, now = json.dumps(metrics, allow_nan=False), self._clock()
        self._db.execute(_RECORD, (version, parent, status, stored, sha256, strategy, text, now))
        return version

    def supersede(self) -> None:
        """Take the bundle's initial head into use instead of the active one."""
        self._db.execute("UPDATE head_state SET status = 'superseded' WHERE status = 'active'")

    def step_back(self, version: int) -> int | None:
        """Take the parent of the version in use back into use; return its version, None for the initial head.

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
        """Return whether the parameters of a version have the size of a head of so many bytes."""
        size, with_slots, strategy = self._db.rows(_STORED, (SEAL_BYTES, version))[0]
        if not with_slots:
            return bool(size == head_bytes)
        ways = [_SLOTS[strategy]] if strategy in _SLOTS else list(_SLOTS.values())
        return any(size == times * head_bytes + more for times, more in ways)

    def drop_parameters(self) -> None:
        """Delete the parameters of every version; what they measured stays."""
        self.supersede()
        self._db.execute("UPDATE head_state SET blob = NULL")

    def check_generation(self, started_from: ActiveHead) -> None:
        """Check that no data were deleted since an adaptation started.

        Raises:
            ConcurrentUpdateError: they were, or the bundle was changed.
        """
        if self.active().generation != started_from.generation:
            raise ConcurrentUpdateError(
                f"{self._path}: data were deleted, or the bundle was changed, while this head was trained; nothing of "
                "it is kept"
            )

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
