"""The owner's file, without its bundle: samples, head states as bytes, and a log, each change whole or not at all.

It imports neither torch nor the manifest, so that a process which only looks after a store starts at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import Belonging, OnOtherBackbone, Owner, Row, bundle_row, create
from pen_mobile.phone.store.checkpoints import Checkpoint, UnfinishedTable
from pen_mobile.phone.store.database import IN_MEMORY, WAIT_S, Database
from pen_mobile.phone.store.encryption import Locked, Sealer, matching_sealer, sealer_of
from pen_mobile.phone.store.event_log import Log
from pen_mobile.phone.store.head_versions import ActiveHead, ConcurrentUpdateError, StateTable
from pen_mobile.phone.store.migration import check_version, migrate, present_schema
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.samples import Format, Samples, SampleTable
from pen_mobile.types import Floats


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
    """One open store.

    Attributes:
        change: what opening it with another bundle than before has changed, for people; None for nothing.
    """

    def __init__(
        self,
        path: Path,
        owner: Owner | None = None,
        *,
        key: bytes | None = None,
        retention: Retention | None = None,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.time,
        quota_bytes: int | None = None,
        on_other_backbone: OnOtherBackbone = "refuse",
    ) -> None:
        """Open a store, check it, and bring it to the present schema.

        Args:
            owner: the bundle that it is to belong to; it is made when it is not there. None takes any store that
                exists.
            key: opens the blobs of an encrypted store, 32 bytes; a new store becomes encrypted with it. An encrypted
                store without its key opens for everything that needs no blob.
            clock: says when things happen, Unix seconds.
            quota_bytes: how large the file may grow; None is no limit.
            on_other_backbone: ``forget`` deletes samples and heads of another backbone instead of refusing the store.

        Raises:
            BadInput: not a store, of another backbone, damaged, another key, or the file system refuses.
        """
        self.path, self.retention, self._clock = path, retention or Retention(), clock
        self._owner = owner
        if owner is None and not path.is_file():
            raise BadInput(f"{path} does not exist; 'pen-mobile adapt' makes one")
        self._db = Database(path, wait_s, quota_bytes)
        try:
            self._sealer = self._prepare(owner, key, on_other_backbone)
            self._log = Log(self._db, self.retention, clock)
            self._samples = SampleTable(path, self._db, self._sealer)
            self._states = StateTable(path, self._db, self._sealer, clock)
            self._unfinished = UnfinishedTable(self._db, self._sealer)
            self._belonging = Belonging(self._db, self._states, self._log)
            self.change = self._change_bundle()
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
        return self._samples.feature_size

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self,
        features: Floats,
        affect: Floats,
        weight: float = 1.0,
        origin: str = "owner",
        captured_at: float | Sequence[float] | NDArray[np.float64] | None = None,
        feature_format: Format = "float32",
    ) -> None:
        """Keep labelled samples, features ``[N, D_z]`` and affect ``[N, 2]``, all or none.

        A moment that is in the store already gets the new label. What is beyond the retention limits goes. Labels that
        are refused are in the log, with the reason.

        Args:
            captured_at: when, Unix seconds, of each sample or of all; None is now.

        Raises:
            BadInput: a label is out of range or NaN, a feature does not fit its format, or another process has moved
                the store to another backbone.
        """
        when = np.broadcast_to(np.asarray(self._clock() if captured_at is None else captured_at, float), len(affect))
        with self._db.transaction():
            self._insist_on_backbone()
            refusal = self._samples.why_refuse(features, affect, weight)
            if refusal is not None:
                self._log.note("labels-refused", {"labels": len(affect), "reason": refusal})
            else:
                for z, label, moment in zip(features, affect, when.tolist(), strict=True):
                    self._samples.keep(z, label, feature_format, weight, moment, origin)
                self._forget()
        if refusal is not None:
            raise BadInput(refusal)

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from writing while the block reads several things that must belong together."""
        return self._db.transaction()

    def forget(self) -> None:
        """Apply the limits of retention now."""
        with self._db.transaction():
            self._forget()

    def samples(self) -> Samples:
        """Return all samples; BadInput when a feature is not what was written."""
        return self._samples.read()

    def sample_records(self) -> list[dict[str, Any]]:
        """Return everything about the samples but their features, in the order of :meth:`samples`."""
        return self._samples.records()

    def active_head(self) -> ActiveHead:
        """Say which head is in use, for :meth:`accept`."""
        return self._states.in_use()

    def active_state(self) -> tuple[int, bytes] | None:
        """Return version and bytes of the state in use, or None for the bundle's initial head.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        version = self._states.in_use().version
        return None if version is None else (version, self.state_blob(version))

    def state_blob(self, version: int) -> bytes:
        """Return the bytes of a head state; BadInput when they are damaged or no longer kept."""
        return self._states.blob(version)

    def accept(
        self, blob: bytes, metrics: dict[str, Any], strategy: str | None = None, *, started_from: ActiveHead
    ) -> int:
        """Make a state the active one; returns its version.

        Args:
            blob: the parameters.
            metrics: what was measured.
            strategy: how it was trained.
            started_from: the head in use when training began, which the new one was compared with.

        Raises:
            ConcurrentUpdateError: another head is in use by now. The attempt is in the history with the reason, unless the
                data that it learned from were deleted.
        """
        with self._db.transaction():
            reason = self._overtaken(started_from)
            if reason is None:
                version = self._states.record("active", blob, metrics, strategy, started_from.version)
                self.retention.forget_states(self._db)
                self._unfinished.clear()
                return version
            refused = metrics | {"accepted": False, "reason": reason}
            self._states.record("rejected", None, refused, strategy, started_from.version)
        raise ConcurrentUpdateError(f"{self.path}: {reason}")

    def reject(self, metrics: dict[str, Any], strategy: str | None = None, *, started_from: ActiveHead) -> int:
        """Note an attempt that was not accepted; the active state stays. Returns the attempt's version.

        Raises:
            ConcurrentUpdateError: the data that it learned from were deleted; nothing is noted.
        """
        with self._db.transaction():
            self._insist_on_generation(started_from)
            self._unfinished.clear()
            return self._states.record("rejected", None, metrics, strategy, started_from.version)

    def unfinished(self, inputs: str) -> Checkpoint | None:
        """Return the adaptation that did not come to its end; its inputs are empty when they were others than these."""
        return self._unfinished.load(inputs)

    def keep_unfinished(self, checkpoint: Checkpoint, *, started_from: ActiveHead) -> None:
        """Keep the adaptation under way, until one is accepted or rejected, or data are deleted.

        Raises:
            ConcurrentUpdateError: the data that it learns from were deleted.
        """
        with self._db.transaction():
            self._insist_on_generation(started_from)
            self._unfinished.save(checkpoint)

    def drop_unfinished(self) -> None:
        """Forget the adaptation that did not come to its end."""
        with self._db.transaction():
            self._unfinished.clear()

    def rollback(self, reason: str = "asked for") -> int | None:
        """Take the parent of the active state back into use; returns its version, None for the initial head.

        Raises:
            BadInput: no state is active, or the parent's bytes are damaged or no longer kept.
        """
        with self._db.transaction():
            version = self._states.in_use().version
            if version is None:
                raise BadInput(f"{self.path}: the bundle's initial head is in use; there is nothing to go back to")
            parent = self._states.step_back(version)
            self._log.note("rolled-back", {"from": version, "to": parent, "reason": reason})
            return parent

    def reset(self, reason: str = "asked for") -> None:
        """Go back to the bundle's initial head; every state stays in the history."""
        with self._db.transaction():
            version = self._states.in_use().version
            self._states.supersede()
            self._log.note("reset", {"from": version, "reason": reason})

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first, with what it measured and the reason."""
        return self._states.history()

    def events(self) -> list[dict[str, Any]]:
        """Return the log, oldest first."""
        return self._log.entries()

    def status(self) -> StoreStatus:
        """Say how the store stands."""
        samples, oldest, newest = self._db.rows("SELECT count(*), min(captured_at), max(captured_at) FROM sample")[0]
        bundle = bundle_row(self._db)
        states = dict(self._db.rows("SELECT status, count(*) FROM head_state GROUP BY status"))
        return StoreStatus(
            str(self.path),
            self._db.size(),
            bundle.pop("key_check") is not None,
            {name: value for name, value in bundle.items() if name != "only"},
            samples,
            oldest,
            newest,
            self._states.in_use().version,
            states,
            next(reversed(self.history()), None),
        )

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry into the log."""
        with self._db.transaction():
            self._log.note(kind, detail)

    def erase(self) -> dict[str, int]:
        """Delete everything about the owner, so that no byte of it is left in the files; returns how much it was.

        Interrupted, it is finished when the store is opened next.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied.
        """
        with self._db.transaction():
            counts = {table: self._db.number(f"SELECT count(*) FROM {table}") for table in ("sample", "head_state")}
            for table in ("event", "sample", "head_state", "unfinished"):
                self._db.execute(f"DELETE FROM {table}")
            self._belonging.next_generation()
            self._log.note("erasing", counts)
        self._scrub()
        return {"samples": counts["sample"], "states": counts["head_state"]}

    def _prepare(self, owner: Owner | None, key: bytes | None, on_other_backbone: OnOtherBackbone) -> Sealer:
        if not self._db.rows("SELECT 1 FROM sqlite_master LIMIT 1") and not self._db.number("PRAGMA user_version"):
            self._create(owner, key)
        check_version(self._db)
        row = bundle_row(self._db)
        if owner is not None and on_other_backbone == "refuse" and not owner.understands(row):
            raise self._other_backbone(row, owner)
        sealer = matching_sealer(key, row.get("key_check"), self.path)
        self._db.check_integrity()
        migrate(self._db, self._clock())
        self._db.enter_wal()
        return sealer

    def _create(self, owner: Owner | None, key: bytes | None) -> None:
        if owner is None:
            raise BadInput(f"{self.path} is not a personal store: it is empty")
        key_check = sealer_of(key, self.path).key_check()
        self._db.enter_wal()
        with self._db.transaction():
            if self._db.rows("SELECT 1 FROM sqlite_master LIMIT 1"):
                return  # another process was faster
            self._db.run_script(present_schema())
            create(self._db, owner, key_check)

    def _change_bundle(self) -> str | None:
        if self._owner is None or self._owner.is_of(bundle_row(self._db)):
            return None
        return self._belonging.change_to(self._owner)

    def _other_backbone(self, row: Row, owner: Owner) -> BadInput:
        return BadInput(
            f"{self.path} was made with another backbone ({row['backbone'][:12]}, {row['feature_size']} features; this "
            f"bundle's is {owner.backbone[:12]}, {owner.feature_size}), to which its features mean nothing; give "
            "another --store, or 'pen-mobile phone rebase' deletes them and keeps the history"
        )

    def _insist_on_backbone(self) -> None:
        row = bundle_row(self._db)
        if self._owner is not None and not self._owner.understands(row):
            raise self._other_backbone(row, self._owner)

    def _insist_on_generation(self, started_from: ActiveHead) -> None:
        if self._states.in_use().generation != started_from.generation:
            raise ConcurrentUpdateError(
                f"{self.path}: data were deleted, or the bundle was changed, while this head was trained; nothing of "
                "it is kept"
            )

    def _overtaken(self, started_from: ActiveHead) -> str | None:
        """Return why a head must not be taken into use; None when it may."""
        self._insist_on_generation(started_from)
        version = self._states.in_use().version
        if version == started_from.version:
            return None
        now = "the bundle's initial head" if version is None else f"version {version}"
        return f"{now} came into use while this head was trained, and was not compared with it; adapt again"

    def _forget(self) -> None:
        gone = self.retention.forget_samples(self._db, self._clock())
        if gone:
            self._log.note("forgotten", gone)

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
        if self._log.last_of("erasing", "erased") == "erasing":
            self._scrub()


__all__ = [
    "IN_MEMORY",
    "ActiveHead",
    "ConcurrentUpdateError",
    "Format",
    "OnOtherBackbone",
    "Owner",
    "Samples",
    "StoreStatus",
    "Vault",
]
