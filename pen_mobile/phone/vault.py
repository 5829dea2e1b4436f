"""The owner's file, without its bundle: samples, head states as bytes, and a log, each change whole or not at all.

It imports neither torch nor the manifest, so that a process which only looks after a store starts at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.phone.database import IN_MEMORY, WAIT_S, Database
from pen_mobile.phone.migration import check_version, migrate, present_schema
from pen_mobile.phone.retention import Retention
from pen_mobile.phone.sealing import Locked, Sealer, matching_sealer, sealer_of

Floats = NDArray[np.float32]
Format = Literal["float32", "float16"]

_DTYPES = {"float32": "<f4", "float16": "<f2"}
_MAKE_BUNDLE = "INSERT INTO bundle (only, backbone, feature_size, state_bytes, key_check) VALUES (?, ?, ?, ?, ?)"
_KEEP_SAMPLE = """
    INSERT INTO sample (feature, format, sha256, valence, arousal, weight, captured_at, origin)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET
        valence = excluded.valence, arousal = excluded.arousal, weight = excluded.weight,
        captured_at = excluded.captured_at, origin = excluded.origin
"""
_RECORD_STATE = """
    INSERT INTO head_state (version, parent, status, blob, sha256, optimizer, metrics, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class Samples:
    """The owner's labelled moments, oldest first: features ``[N, D_z]``, affect ``[N, 2]``, weight ``[N]``."""

    features: Floats
    affect: Floats
    weight: Floats


@dataclass(frozen=True)
class Owner:
    """What a store belongs to.

    Attributes:
        backbone: SHA-256 of the backbone program; features of another one mean nothing here.
        feature_size: D_z.
        state_bytes: bytes of a head state.
    """

    backbone: str
    feature_size: int
    state_bytes: int


@dataclass(frozen=True)
class StoreStatus:
    """How a store stands.

    Attributes:
        bytes: on disk, with the write-ahead log.
        oldest, newest: when the first and the last sample were captured, Unix seconds.
        active_version: head state in use; None is the bundle's initial head.
        states: number of head states by status.
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


class Vault:
    """One open store."""

    def __init__(
        self,
        path: Path,
        owner: Owner | None = None,
        *,
        key: bytes | None = None,
        retention: Retention | None = None,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open a store, check it, and bring it to the present schema.

        Args:
            owner: what it must belong to; it is made when it is not there. None takes any store that exists.
            key: opens the blobs of an encrypted store, 32 bytes; a new store becomes encrypted with it. An encrypted
                store without its key opens for everything that needs no blob.
            clock: says when things happen, Unix seconds.

        Raises:
            BadInput: not a store, of another owner, damaged, another key, or the file system refuses.
        """
        self.path, self.retention, self._clock = path, retention or Retention(), clock
        if owner is None and not path.is_file():
            raise BadInput(f"{path} does not exist; 'pen-mobile adapt' makes one")
        self._db = Database(path, wait_s)
        try:
            self._sealer = self._prepare(owner, key)
            with contextlib.suppress(BadInput):  # another process may be reading: the next opening finishes
                self._finish_erasure()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def locked(self) -> bool:
        """Whether the blobs are encrypted and no key was given."""
        return isinstance(self._sealer, Locked)

    @property
    def feature_size(self) -> int:
        """D_z of the bundle that the store belongs to."""
        return self._db.number("SELECT feature_size FROM bundle")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self,
        features: Floats,
        affect: Floats,
        weight: float = 1.0,
        origin: str = "owner",
        captured_at: float | None = None,
        feature_format: Format = "float32",
    ) -> None:
        """Keep labelled samples, features ``[N, D_z]`` and affect ``[N, 2]``, all or none.

        A moment that is in the store already gets the new label. What is beyond the retention limits goes.

        Raises:
            BadInput: a label is out of range or NaN, or a feature does not fit its format.
        """
        _check_samples(features, affect, weight, self.feature_size)
        when = self._clock() if captured_at is None else captured_at
        with self._db.transaction():
            for z, (valence, arousal) in zip(features, affect, strict=True):
                digest = self._sealer.digest(z.astype("<f4").tobytes())
                stored = self._sealer.seal(_packed(z, feature_format), _sample_identity(digest))
                values = (stored, feature_format, digest, float(valence), float(arousal), weight, when, origin)
                self._db.execute(_KEEP_SAMPLE, values)
            self._forget()

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from writing while the block reads several things that must belong together."""
        return self._db.transaction()

    def forget(self) -> None:
        """Apply the limits of retention now."""
        with self._db.transaction():
            self._forget()

    def samples(self) -> Samples:
        """Return all samples; BadInput when a feature is not what was written."""
        rows = self._db.rows(
            "SELECT sha256, format, feature, valence, arousal, weight FROM sample ORDER BY captured_at, id"
        )
        features = np.empty((len(rows), self.feature_size), np.float32)
        for row, (digest, feature_format, stored, *_) in enumerate(rows):
            features[row] = self._feature(digest, feature_format, stored, features.shape[1])
        numbers = np.array([row[3:] for row in rows], np.float32).reshape(-1, 3)
        return Samples(features, numbers[:, :2], numbers[:, 2])

    def sample_records(self) -> list[dict[str, Any]]:
        """Return everything about the samples but their features, in the order of :meth:`samples`."""
        return self._db.records(
            "SELECT id, captured_at, valence, arousal, weight, origin, format FROM sample ORDER BY captured_at, id"
        )

    def active_state(self) -> tuple[int, bytes] | None:
        """Return version and bytes of the state in use, or None for the bundle's initial head.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        version = self._active_version()
        return None if version is None else (version, self.state_blob(version))

    def state_blob(self, version: int) -> bytes:
        """Return the bytes of a head state; BadInput when they are damaged or no longer kept."""
        return self._sealer.unseal(self._stored_state(version), _state_identity(version))

    def accept(self, blob: bytes, metrics: dict[str, Any], optimizer: str | None = None) -> int:
        """Make a state the active one; returns its version."""
        with self._db.transaction():
            parent = self._active_version()
            self._supersede()
            version = self._record(parent, "active", blob, metrics, optimizer)
            self.retention.forget_states(self._db)
            return version

    def reject(self, metrics: dict[str, Any], optimizer: str | None = None) -> int:
        """Note an attempt that was not accepted; the active state stays. Returns the attempt's version."""
        with self._db.transaction():
            return self._record(self._active_version(), "rejected", None, metrics, optimizer)

    def rollback(self, reason: str = "asked for") -> int | None:
        """Take the parent of the active state back into use; returns its version, None for the initial head.

        Raises:
            BadInput: no state is active, or the parent's bytes are damaged or no longer kept.
        """
        with self._db.transaction():
            version = self._active_version()
            if version is None:
                raise BadInput(f"{self.path}: the bundle's initial head is in use; there is nothing to go back to")
            parent: int | None = self._db.rows("SELECT parent FROM head_state WHERE version = ?", (version,))[0][0]
            self._supersede()
            if parent is not None:
                self._stored_state(parent)
                self._db.execute("UPDATE head_state SET status = 'active' WHERE version = ?", (parent,))
            self._note("rolled-back", {"from": version, "to": parent, "reason": reason})
            return parent

    def reset(self, reason: str = "asked for") -> None:
        """Go back to the bundle's initial head; every state stays in the history."""
        with self._db.transaction():
            version = self._active_version()
            self._supersede()
            self._note("reset", {"from": version, "reason": reason})

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first, with what it measured and the reason."""
        rows = self._db.records(
            "SELECT version, parent, status, created_at, optimizer, blob IS NOT NULL AS kept, sha256, metrics "
            "FROM head_state ORDER BY version"
        )
        metrics = [json.loads(row.pop("metrics")) for row in rows]
        return [row | {"kept": bool(row["kept"])} | measured for row, measured in zip(rows, metrics, strict=True)]

    def events(self) -> list[dict[str, Any]]:
        """Return the log, oldest first."""
        rows = self._db.records("SELECT at, kind, detail FROM event ORDER BY id")
        return [row | {"detail": json.loads(row["detail"])} for row in rows]

    def status(self) -> StoreStatus:
        """Say how the store stands."""
        samples, oldest, newest = self._db.rows("SELECT count(*), min(captured_at), max(captured_at) FROM sample")[0]
        bundle = self._db.records("SELECT backbone, feature_size, state_bytes FROM bundle")[0]
        states = dict(self._db.rows("SELECT status, count(*) FROM head_state GROUP BY status"))
        return StoreStatus(
            str(self.path),
            self._db.size(),
            not self._is_clear(),
            bundle,
            samples,
            oldest,
            newest,
            self._active_version(),
            states,
            next(reversed(self.history()), None),
        )

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry into the log."""
        with self._db.transaction():
            self._note(kind, detail)

    def erase(self) -> dict[str, int]:
        """Delete everything about the owner, so that no byte of it is left in the files; returns how much it was.

        Interrupted, it is finished when the store is opened next.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied.
        """
        with self._db.transaction():
            counts = {table: self._db.number(f"SELECT count(*) FROM {table}") for table in ("sample", "head_state")}
            for table in ("event", "sample", "head_state"):
                self._db.execute(f"DELETE FROM {table}")
            self._note("erasing", counts)
        self._scrub()
        return {"samples": counts["sample"], "states": counts["head_state"]}

    def _prepare(self, owner: Owner | None, key: bytes | None) -> Sealer:
        if not self._db.rows("SELECT 1 FROM sqlite_master LIMIT 1") and not self._db.number("PRAGMA user_version"):
            self._create(owner, key)
        check_version(self._db)
        row = next(iter(self._db.records("SELECT * FROM bundle")), {})
        if owner is not None and not asdict(owner).items() <= row.items():
            raise BadInput(
                f"{self.path} belongs to another bundle: features of one backbone mean nothing to another; "
                "give another --store"
            )
        sealer = self._matching_sealer(key, row.get("key_check"))
        self._db.check_integrity()
        migrate(self._db, self._clock())
        self._db.enter_wal()
        return sealer

    def _create(self, owner: Owner | None, key: bytes | None) -> None:
        if owner is None:
            raise BadInput(f"{self.path} is not a personal store: it is empty")
        key_check = sealer_of(key).key_check()
        self._db.enter_wal()
        with self._db.transaction():
            if self._db.rows("SELECT 1 FROM sqlite_master LIMIT 1"):
                return  # another process was faster
            self._db.run_script(present_schema())
            self._db.execute(_MAKE_BUNDLE, (1, *asdict(owner).values(), key_check))

    def _matching_sealer(self, key: bytes | None, key_check: bytes | None) -> Sealer:
        try:
            return matching_sealer(key, key_check)
        except BadInput as error:
            raise BadInput(f"{self.path}: {error}") from None

    def _is_clear(self) -> bool:
        return self._db.rows("SELECT key_check FROM bundle")[0][0] is None

    def _feature(self, digest: str, feature_format: str, stored: bytes, size: int) -> Floats:
        blob = self._sealer.unseal(stored, _sample_identity(digest))
        values = np.frombuffer(blob, _DTYPES[feature_format])
        whole = feature_format != "float32" or self._sealer.digest(blob) == digest
        if len(values) != size or not whole:
            raise BadInput(f"{self.path}: the feature {digest[:8]} is damaged")
        return values.astype(np.float32)

    def _stored_state(self, version: int) -> bytes:
        row = self._db.row("SELECT blob, sha256 FROM head_state WHERE version = ?", (version,))
        if row is None or row[0] is None:
            raise BadInput(f"{self.path}: head state {version} is no longer kept; 'reset' goes to the initial head")
        stored: bytes = row[0]
        if hashlib.sha256(stored).hexdigest() != row[1]:
            raise BadInput(
                f"{self.path}: head state {version} is damaged (its SHA-256 differs); 'rollback' or 'reset' leaves it"
            )
        return stored

    def _active_version(self) -> int | None:
        row = self._db.row("SELECT version FROM head_state WHERE status = 'active'")
        return None if row is None else int(row[0])

    def _supersede(self) -> None:
        self._db.execute("UPDATE head_state SET status = 'superseded' WHERE status = 'active'")

    def _record(
        self, parent: int | None, status: str, blob: bytes | None, metrics: dict[str, Any], optimizer: str | None
    ) -> int:
        version = self._db.number("SELECT coalesce(max(version), 0) + 1 FROM head_state")
        stored = None if blob is None else self._sealer.seal(blob, _state_identity(version))
        sha256 = None if stored is None else hashlib.sha256(stored).hexdigest()
        text, now = json.dumps(metrics, allow_nan=False), self._clock()
        self._db.execute(_RECORD_STATE, (version, parent, status, stored, sha256, optimizer, text, now))
        return version

    def _note(self, kind: str, detail: dict[str, Any]) -> None:
        values = (self._clock(), kind, json.dumps(detail, allow_nan=False))
        self._db.execute("INSERT INTO event (at, kind, detail) VALUES (?, ?, ?)", values)
        self.retention.forget_events(self._db)

    def _forget(self) -> None:
        gone = self.retention.forget_samples(self._db, self._clock())
        if gone:
            self._note("forgotten", gone)

    def _scrub(self) -> None:
        """Overwritten pages leave the file, and the log, which still has them, is cut to nothing."""
        self._db.execute("VACUUM")
        if not self._db.empty_log():
            raise BadInput(
                f"{self.path}: everything is deleted, but another process is using the store and holds its log; "
                "close it and delete again, so that the old bytes go too"
            )
        self.note("erased", {})

    def _finish_erasure(self) -> None:
        last = self._db.row("SELECT kind FROM event WHERE kind IN ('erasing', 'erased') ORDER BY id DESC LIMIT 1")
        if last == ("erasing",):
            self._scrub()


def _check_samples(features: Floats, affect: Floats, weight: float, size: int) -> None:
    if len(features) != len(affect):
        raise BadInput(f"{len(features)} samples but {len(affect)} labels; give one label for each")
    if len(features) and features.shape[1:] != (size,):
        raise BadInput(f"features are {list(features.shape)}, this store takes [N, {size}]")
    if not (weight > 0 and np.isfinite(weight)):
        raise BadInput(f"weight is {weight}; it must be above 0")
    for row in np.flatnonzero(~(np.abs(affect) <= 1).all(axis=1))[:1]:
        raise BadInput(f"label {row + 1} is {affect[row].tolist()}; valence and arousal must lie in [-1, 1]")
    for row in np.flatnonzero(~np.isfinite(features).all(axis=1))[:1]:
        raise BadInput(f"sample {row + 1}: its feature holds NaN or infinity")


def _packed(z: Floats, feature_format: Format) -> bytes:
    with np.errstate(over="ignore"):
        values = z.astype(_DTYPES[feature_format])
    if not np.isfinite(values).all():
        raise BadInput(f"a feature of {float(np.abs(z).max()):g} does not fit {feature_format}; keep float32")
    return values.tobytes()


def _sample_identity(digest: str) -> bytes:
    return f"sample {digest}".encode()


def _state_identity(version: int) -> bytes:
    return f"head state {version}".encode()


__all__ = ["IN_MEMORY", "Format", "Owner", "Samples", "StoreStatus", "Vault"]
