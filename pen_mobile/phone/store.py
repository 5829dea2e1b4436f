"""The personal store: samples and head states of one owner, in SQLite, so that a crash loses nothing accepted."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.folder import BundleFolder
from pen_mobile.contract.head_state import State, state_from_bytes, state_to_bytes
from pen_mobile.errors import BadInput

Floats = NDArray[np.float32]

IN_MEMORY = Path(":memory:")
_SCHEMA_VERSION = 1
_WAIT_S = 10.0
_KEEP_SAMPLE = """
    INSERT INTO sample (feature, sha256, valence, arousal, weight, captured_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET
        valence = excluded.valence, arousal = excluded.arousal,
        weight = excluded.weight, captured_at = excluded.captured_at
"""


@dataclass(frozen=True)
class Samples:
    """The owner's labelled moments, oldest first: features ``[N, D_z]``, affect ``[N, 2]``, weight ``[N]``."""

    features: Floats
    affect: Floats
    weight: Floats


class PersonalStore:
    """One open store."""

    def __init__(self, path: Path, bundle: BundleFolder) -> None:
        """Open the store at ``path`` for this bundle, making it when it is not there.

        Raises:
            BadInput: the file is not a personal store, or belongs to another backbone or head.
        """
        self.path, self._head = path, bundle.manifest.head
        if path != IN_MEMORY and not path.parent.is_dir():
            raise BadInput(f"{path.parent} is not a folder; the store cannot be made there")
        try:
            self._db = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._prepare(bundle)
        except sqlite3.Error as error:
            raise BadInput(f"{path} is not a usable personal store: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, features: Floats, affect: Floats, weight: float = 1.0) -> None:
        """Keep labelled samples, features ``[N, D_z]`` and affect ``[N, 2]``, all or none.

        A moment that is in the store already gets the new label.

        Raises:
            BadInput: a label is out of range or NaN, or a feature is not finite.
        """
        if len(features) != len(affect):
            raise BadInput(f"{len(features)} samples but {len(affect)} labels; give one label for each")
        for row in np.flatnonzero(~(np.abs(affect) <= 1).all(axis=1))[:1]:
            raise BadInput(f"label {row + 1} is {affect[row].tolist()}; valence and arousal must lie in [-1, 1]")
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1))[:1]:
            raise BadInput(f"sample {row + 1}: its feature holds NaN or infinity")
        now = time.time()
        with self._transaction():
            for z, (valence, arousal) in zip(features, affect, strict=True):
                blob = z.astype("<f4").tobytes()
                sha256 = hashlib.sha256(blob).hexdigest()
                self._db.execute(_KEEP_SAMPLE, (blob, sha256, float(valence), float(arousal), weight, now))

    def samples(self) -> Samples:
        """Return all samples."""
        rows = self._db.execute(
            "SELECT feature, valence, arousal, weight FROM sample ORDER BY captured_at, id"
        ).fetchall()
        features = np.frombuffer(b"".join(row[0] for row in rows), dtype="<f4").astype(np.float32)
        numbers = np.array([row[1:] for row in rows], np.float32).reshape(-1, 3)
        return Samples(features.reshape(-1, self._head.feature_size), numbers[:, :2], numbers[:, 2])

    def active_state(self) -> State | None:
        """Return the state that was accepted last, or None before the first.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        row = self._db.execute("SELECT version, blob, sha256 FROM head_state WHERE status = 'active'").fetchone()
        if row is None:
            return None
        version, blob, sha256 = row
        if hashlib.sha256(blob).hexdigest() != sha256:
            raise BadInput(f"{self.path}: head state {version} is damaged (its SHA-256 differs)")
        return state_from_bytes(blob, self._head)

    def accept(self, state: State, report: dict[str, Any]) -> int:
        """Make ``state`` the active one, in one transaction; returns its version."""
        blob = state_to_bytes(state)
        with self._transaction():
            parent = self._active_version()
            self._db.execute("UPDATE head_state SET status = 'superseded' WHERE status = 'active'")
            return self._record(parent, "active", blob, report)

    def reject(self, report: dict[str, Any]) -> int:
        """Note an attempt that was not accepted; the active state stays. Returns the attempt's version."""
        with self._transaction():
            return self._record(self._active_version(), "rejected", None, report)

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first."""
        rows = self._db.execute("SELECT version, parent, status, report, created_at FROM head_state ORDER BY version")
        return [
            {"version": row[0], "parent": row[1], "status": row[2], "created_at": row[4]} | json.loads(row[3])
            for row in rows
        ]

    def _record(self, parent: int | None, status: str, blob: bytes | None, report: dict[str, Any]) -> int:
        sha256 = None if blob is None else hashlib.sha256(blob).hexdigest()
        cursor = self._db.execute(
            "INSERT INTO head_state (parent, status, blob, sha256, report, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (parent, status, blob, sha256, json.dumps(report, allow_nan=False), time.time()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _active_version(self) -> int | None:
        row = self._db.execute("SELECT version FROM head_state WHERE status = 'active'").fetchone()
        return None if row is None else int(row[0])

    def _prepare(self, bundle: BundleFolder) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._create(bundle)
        elif version != _SCHEMA_VERSION:
            raise BadInput(f"{self.path} is not a personal store of version {_SCHEMA_VERSION} (it says {version})")
        found = self._db.execute("SELECT backbone, feature_size, state_bytes FROM bundle").fetchone()
        if found is None or tuple(found) != _identity(bundle):
            raise BadInput(
                f"{self.path} belongs to another bundle: features of one backbone mean nothing to another; "
                "give another --store"
            )

    def _create(self, bundle: BundleFolder) -> None:
        schema = bundle.file(bundle.manifest.store_schema).read_text(encoding="utf-8")
        with self._transaction():
            for statement in _statements(schema):
                self._db.execute(statement)
            self._db.execute("INSERT INTO bundle VALUES (1, ?, ?, ?)", _identity(bundle))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _identity(bundle: BundleFolder) -> tuple[str, int, int]:
    manifest = bundle.manifest
    backbone = manifest.source.data_digest
    if manifest.backbone is not None:
        backbone = manifest.files[manifest.backbone.file].sha256
    state_bytes = 4 * sum(int(np.prod(tensor.shape)) for tensor in manifest.head.state)
    return backbone, manifest.head.feature_size, state_bytes


def _statements(script: str) -> Iterator[str]:
    """Split SQL into statements, so that all of them can share one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
