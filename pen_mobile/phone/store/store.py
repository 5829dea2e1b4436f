"""The personal store: labelled samples, head versions and a log in one file, each change whole or not at all.

A store opens without its bundle and imports neither torch nor the manifest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BindingTable, BundleBinding, bundle_row, other_backbone
from pen_mobile.phone.store.checkpoints import Checkpoints
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import KeyRequired, NoKey
from pen_mobile.phone.store.event_log import EventLog
from pen_mobile.phone.store.head_versions import ActiveHead, ConcurrentUpdateError, HeadVersions
from pen_mobile.phone.store.opening import prepare
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.samples import Samples, SampleTable
from pen_mobile.phone.store.status import StoreStatus
from pen_mobile.types import Floats


class Store:
    """One open store.

    Attributes:
        path: of the file.
        options: how the store was opened.
        heads: every attempt to adapt, and which head is in use.
        events: the log.
        change: what opening it with another bundle than before has changed, for people; None for nothing.
    """

    def __init__(self, path: Path, binding: BundleBinding | None = None, options: StoreOptions | None = None) -> None:
        """Open a store, check it, and bring it to the present schema.

        Args:
            path: of the file.
            binding: the bundle of the store, which is made when it is not there. None opens a store of any bundle,
                which must exist; an encrypted one opens without its key then, for everything that needs no blob.
            options: key, limits, formats and clock.

        Raises:
            BadInput: not a store, of another backbone, damaged, another key, or the file system refuses.
        """
        self.path, self.options = path, options or StoreOptions()
        self._binding = binding
        if binding is None and not path.is_file():
            raise BadInput(f"{path} does not exist; 'pen-mobile adapt' makes one")
        self._db = Database(path, self.options.wait_s, self.options.quota_bytes)
        try:
            self._cipher = prepare(self._db, binding, self.options)
            if binding is not None and isinstance(self._cipher, NoKey):
                raise KeyRequired(f"{path} is encrypted; give its key (--key-file)")
            self.events = EventLog(self._db, self.options.retention, self.options.clock)
            self.heads = HeadVersions(path, self._db, self._cipher, self.options.clock)
            self._samples = SampleTable(path, self._db, self._cipher)
            self._bindings = BindingTable(self._db, self.heads, self.events)
            self.change = None if binding is None else self._bindings.change_to(binding)
            with contextlib.suppress(BadInput):  # another process may be reading: the next opening finishes
                self._finish_deletion()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def locked(self) -> bool:
        """Whether the store is encrypted and no key was given."""
        return isinstance(self._cipher, NoKey)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Do all of a block or nothing; other processes do not write meanwhile."""
        return self._db.transaction()

    def add(
        self,
        features: Floats,
        labels: Floats,
        weight: float = 1.0,
        origin: str = "owner",
        captured_at: float | Sequence[float] | NDArray[np.float64] | None = None,
    ) -> None:
        """Keep labelled samples, all or none.

        A sample that is in the store already gets the new label. What is beyond the retention limits is deleted.
        Labels that are refused are in the log, with the reason.

        Args:
            features: ``[N, D_z]``.
            labels: ``[N, 2]``, each in [-1, 1].
            weight: of each sample, above 0.
            origin: of the labels.
            captured_at: capture time of each sample or of all, Unix seconds; None is now.

        Raises:
            BadInput: a label is out of range or NaN, a feature does not fit its format, or another process has bound
                the store to another backbone.
        """
        when = self.options.clock() if captured_at is None else captured_at
        times = np.broadcast_to(np.asarray(when, float), len(labels)).tolist()
        with self.transaction():
            self._check_backbone()
            refusal = self._samples.why_refuse(features, labels, weight)
            if refusal is not None:
                self.events.note("labels-refused", {"labels": len(labels), "reason": refusal})
            else:
                for z, label, moment in zip(features, labels, times, strict=True):
                    self._samples.keep(z, label, self.options.feature_format, weight, moment, origin)
                self.apply_retention()
        if refusal is not None:
            raise BadInput(refusal)

    def apply_retention(self) -> None:
        """Delete samples that are too old or too many."""
        with self.transaction():
            gone = self.options.retention.delete_samples(self._db, self.options.clock())
            if gone:
                self.events.note("forgotten", gone)

    def samples(self) -> Samples:
        """Apply the limits of retention, and return all samples.

        Raises:
            BadInput: a feature is not what was written.
        """
        self.apply_retention()
        return self._samples.read()

    def sample_records(self) -> list[dict[str, Any]]:
        """Return everything about the samples but their features, in the order of :meth:`samples`."""
        return self._samples.records()

    def active_parameters(self) -> tuple[ActiveHead, bytes | None]:
        """Return the head in use, and its parameters as little-endian float32; None is the bundle's initial head.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        with self.transaction():
            head = self.heads.active()
            return head, None if head.version is None else self.heads.parameters(head.version)

    def accept(
        self, parameters: bytes, metrics: dict[str, Any], strategy: str | None = None, *, started_from: ActiveHead
    ) -> int:
        """Take a head into use; return its version.

        Args:
            parameters: ``[n_s (1 + K), D_z + 1]``, little-endian float32.
            metrics: what was measured, for the history.
            strategy: how it was trained.
            started_from: the head in use when training began, which the new one was compared with.

        Raises:
            ConcurrentUpdateError: another head is in use by now. The attempt is in the history with the reason,
                unless the data that it learned from were deleted.
        """
        with self.transaction():
            reason = self._overtaken(started_from)
            if reason is None:
                version = self.heads.record("active", parameters, metrics, strategy, started_from.version)
                self.options.retention.drop_old_heads(self._db)
                self.checkpoints(started_from).clear()
                return version
            refused = metrics | {"accepted": False, "reason": reason}
            self.heads.record("rejected", None, refused, strategy, started_from.version)
        raise ConcurrentUpdateError(f"{self.path}: {reason}")

    def reject(self, metrics: dict[str, Any], strategy: str | None = None, *, started_from: ActiveHead) -> int:
        """Note an attempt that was not accepted; the head in use stays. Return the attempt's version.

        Args:
            metrics: what was measured, for the history.
            strategy: how it was trained.
            started_from: the head in use when training began.

        Raises:
            ConcurrentUpdateError: the data that it learned from were deleted; nothing is noted.
        """
        with self.transaction():
            self.heads.check_generation(started_from)
            self.checkpoints(started_from).clear()
            return self.heads.record("rejected", None, metrics, strategy, started_from.version)

    def checkpoints(self, started_from: ActiveHead) -> Checkpoints:
        """Return the place for the checkpoint of an adaptation that started from a head."""
        return Checkpoints(self._db, self._cipher, self.heads, started_from)

    def rollback(self, reason: str = "asked for") -> int | None:
        """Take the parent of the active head back into use; return its version, None for the initial head.

        Args:
            reason: for the log.

        Raises:
            BadInput: no version is active, or the parent's bytes are damaged or no longer kept.
        """
        with self.transaction():
            version = self.heads.active().version
            if version is None:
                raise BadInput(f"{self.path}: the bundle's initial head is in use; there is nothing to go back to")
            parent = self.heads.step_back(version)
            self.events.note("rolled-back", {"from": version, "to": parent, "reason": reason})
            return parent

    def reset(self, reason: str = "asked for") -> None:
        """Take the bundle's initial head into use; every version stays in the history.

        Args:
            reason: for the log.
        """
        with self.transaction():
            version = self.heads.active().version
            self.heads.supersede()
            self.events.note("reset", {"from": version, "reason": reason})

    def status(self) -> StoreStatus:
        """Return how the store stands."""
        samples, oldest, newest = self._db.rows("SELECT count(*), min(captured_at), max(captured_at) FROM sample")[0]
        bundle = bundle_row(self._db)
        statuses = dict(self._db.rows("SELECT status, count(*) FROM head_state GROUP BY status"))
        return StoreStatus(
            str(self.path),
            self._db.size(),
            bundle.pop("key_check") is not None,
            {name: value for name, value in bundle.items() if name != "only"},
            samples,
            oldest,
            newest,
            self.heads.active().version,
            statuses,
            next(reversed(self.heads.history()), None),
        )

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry into the log, in a transaction of its own.

        Args:
            kind: of the entry.
            detail: plain values, for a JSON document.
        """
        with self.transaction():
            self.events.note(kind, detail)

    def delete_all(self) -> dict[str, int]:
        """Delete all personal data, so that no byte of it is left in the files; return how much it was.

        Interrupted, the deletion is finished when the store is opened next.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied.
        """
        with self.transaction():
            counts = {table: self._db.number(f"SELECT count(*) FROM {table}") for table in ("sample", "head_state")}
            for table in ("event", "sample", "head_state", "unfinished"):
                self._db.execute(f"DELETE FROM {table}")
            self._bindings.next_generation()
            self.events.note("erasing", counts)
        self._scrub()
        return {"samples": counts["sample"], "states": counts["head_state"]}

    def _check_backbone(self) -> None:
        row = bundle_row(self._db)
        if self._binding is not None and not self._binding.understands(row):
            raise other_backbone(self.path, row, self._binding)

    def _overtaken(self, started_from: ActiveHead) -> str | None:
        """Return why a head must not be taken into use; None when it may."""
        self.heads.check_generation(started_from)
        version = self.heads.active().version
        if version == started_from.version:
            return None
        now = "the bundle's initial head" if version is None else f"version {version}"
        return f"{now} came into use while this head was trained, and was not compared with it; adapt again"

    def _scrub(self) -> None:
        """Rewrite the file without deleted pages, and cut the log, which still has them, to nothing."""
        self._db.execute("VACUUM")
        if not self._db.empty_log():
            raise BadInput(
                f"{self.path}: everything is deleted, but another process is using the store and holds its log; "
                "close it and delete again, so that the old bytes go too"
            )
        self.note("erased", {})

    def _finish_deletion(self) -> None:
        if self.events.last_of("erasing", "erased") == "erasing":
            self._scrub()
