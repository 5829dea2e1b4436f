"""The personal store: labelled samples, head versions and a log in one file, each change whole or not at all.

A store opens without its bundle and imports neither torch nor the manifest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.ageing import Ageing, aged_from, why_refuse_times
from pen_mobile.phone.store.bundle_binding import BundleBinding, other_samples, targets_of
from pen_mobile.phone.store.checkpoints import Checkpoints
from pen_mobile.phone.store.clock import ClockState, finite_reading
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.deletion import Deletion
from pen_mobile.phone.store.encryption import NoKey
from pen_mobile.phone.store.event_log import EventLog
from pen_mobile.phone.store.head_record import version_words
from pen_mobile.phone.store.head_versions import ActiveHead, ConcurrentUpdateError, HeadVersions
from pen_mobile.phone.store.opening import prepare
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.rebinding import Rebinding
from pen_mobile.phone.store.rows import Rows
from pen_mobile.phone.store.sample_record import SampleRecord, check_origin
from pen_mobile.phone.store.samples import Samples, SampleTable, why_refuse
from pen_mobile.phone.store.status import StoreStatus
from pen_mobile.types import Doubles, Floats


class Store:
    """One open store.

    Attributes:
        path: of the file.
        options: how the store was opened.
        heads: every attempt to adapt, and which head is in use.
        events: the log.
        sample_table: the samples, row by row.
        change: what opening it with another bundle than before has changed, for people; None for nothing.
        notices: what else people should know: a clock that is not believed, samples that were too old.
    """

    def __init__(self, path: Path, binding: BundleBinding | None = None, options: StoreOptions | None = None) -> None:
        """Open a store, check it, and bring it to the present schema.

        Args:
            path: of the file.
            binding: the bundle of the store, which is made when it is not there. None opens a store of any bundle,
                which must exist; an encrypted one opens without its key then, for :meth:`status` and
                :meth:`delete_all`.
            options: key, limits, formats and clock.

        Raises:
            BadInput: not a store, of another backbone, damaged, another key, or the file system refuses.
        """
        self.path, self.options = path, options or StoreOptions()
        self._binding = binding
        if binding is None and not path.is_file():
            raise BadInput(f"{path} does not exist; 'pen-mobile adapt' makes one")
        database = Database(path, self.options.wait_s, self.options.quota_bytes, create=binding is not None)
        try:
            self._open(prepare(database, binding, self.options))
        except BaseException:
            database.close()
            raise

    def _open(self, rows: Rows) -> None:
        self._rows, clock = rows, partial(finite_reading, self.options.clock)
        self.events = EventLog(rows, self.options.retention.events, clock)
        self.heads = HeadVersions(rows, clock)
        self.sample_table = SampleTable(rows)
        self.notices: list[str] = []
        self._ageing = Ageing(self.sample_table, self.options.retention)
        self._deletion = Deletion(rows)
        self.change = None if self._binding is None else self._bind(self._binding)
        with contextlib.suppress(BadInput):  # another process may be reading: the next opening finishes
            if self._deletion.finish() and not self.locked:
                self.note("erased", {})

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def locked(self) -> bool:
        """Whether the store is encrypted and no key was given."""
        return isinstance(self._rows.cipher, NoKey)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what is estimated, in the order of every label."""
        return targets_of(self.bundle)

    @property
    def bundle(self) -> dict[str, Any]:
        """What the store notes of its bundle."""
        with self._rows.reading():
            hidden = {"store_id", "key_check", "deleting", "state"}
            return {name: value for name, value in self._rows.binding.items() if name not in hidden}

    def close(self) -> None:
        """Close the file."""
        self._rows.database.close()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Do all of a block or nothing; other processes do not write meanwhile."""
        return self._rows.writing()

    def add(
        self,
        features: Floats,
        labels: Floats,
        weight: float = 1.0,
        origin: str = "user",
        captured_at: float | Sequence[float] | Doubles | None = None,
    ) -> None:
        """Keep labelled samples, all or none.

        A sample that is in the store already gets the new label. What is beyond the retention limits is deleted, and
        the log says how much. Labels that are refused are in the log, with the reason.

        Args:
            features: ``[N, D_z]``.
            labels: ``[N, K]``, each in [-1, 1], in the order of the store's targets.
            weight: of each sample, above 0.
            origin: of the labels.
            captured_at: capture time of each sample or of all, Unix seconds; None is now.

        Raises:
            BadInput: a label is out of range or NaN, a capture time is impossible or older than the store keeps, a
                feature does not fit its format, or another process has bound the store to another backbone.
        """
        check_origin(origin)
        now = self.options.clock()
        times = _times(now if captured_at is None else captured_at, len(labels))
        with self.transaction():
            self._check_backbone()
            self._read_clock(now)
            row = self._rows.binding
            refusal = why_refuse(features, labels, weight, row["feature_size"], targets_of(row))
            refusal = refusal or why_refuse_times(times, now, self.options.retention)
            if refusal is not None:
                self.events.note("labels-refused", {"labels": len(labels), "reason": refusal})
            else:
                self._write_samples(features, labels, weight, origin, times)
                self.apply_retention()
        if refusal is not None:
            raise BadInput(refusal)

    def apply_retention(self) -> dict[str, int]:
        """Delete samples that are too old or too many.

        Returns:
            How many were ``too_old`` and ``too_many``, and how many that are too old stay until later
            (``left_for_later``), without zeros. The same is in the log.
        """
        with self.transaction():
            gone = self._ageing.apply(self._read_clock(self.options.clock()))
            if gone.get("too_old") or gone.get("too_many"):
                self.events.note("forgotten", gone)
        if gone.get("too_old"):
            self.notices.append(f"{self.path}: {gone['too_old']} samples were too old and are deleted")
        return gone

    def samples(self) -> Samples:
        """Apply the limits of retention, and return all samples.

        Raises:
            BadInput: a sample is not what was written.
        """
        self.apply_retention()
        return self.sample_table.read()

    def active_parameters(self) -> tuple[ActiveHead, bytes | None]:
        """Return the head in use, and its parameters as little-endian float32; None is the bundle's initial head.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        with self._rows.reading():
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
                self.heads.drop_old(self.options.retention.heads)
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

    def checkpoints(self, started_from: ActiveHead | None = None) -> Checkpoints:
        """Return the place for the checkpoint of an adaptation.

        Args:
            started_from: the head in use when the adaptation began; with it, nothing is saved after data were deleted.
        """
        return Checkpoints(self._rows, self.heads, started_from)

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
        """Return how the store stands; without its key, an encrypted store tells counts and sizes."""
        with self._rows.reading():
            database = self._rows.database
            times = [] if self.locked else [record.captured_at for record in self.sample_table.records().values()]
            return StoreStatus(
                path=str(self.path),
                bytes=database.size(),
                encrypted=self._rows.binding["key_check"] is not None,
                bundle=self.bundle,
                samples=database.number("SELECT count(*) FROM sample"),
                oldest=min(times, default=None),
                newest=max(times, default=None),
                active_version=self.heads.active().version,
                heads=dict(database.rows("SELECT status, count(*) FROM head_version GROUP BY status")),
                last_adaptation=None if self.locked else self.heads.latest(),
            )

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry into the log, in a transaction of its own.

        Args:
            kind: of the entry.
            detail: plain values, for a JSON document.
        """
        self.events.note(kind, detail)

    def delete_all(self) -> dict[str, int]:
        """Delete all personal data, and read the files to prove that no byte of them is left; return how much it was.

        Interrupted, the deletion is finished when the store is opened next. It needs no key.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied, or bytes are left.
        """
        counts = self._deletion.delete_all()
        deleted = {"samples": counts["sample"], "heads": counts["head_version"]}
        if not self.locked:
            self.note("erased", deleted)
        return deleted

    def _bind(self, binding: BundleBinding) -> str | None:
        tables = Rebinding(self._rows, self.sample_table, self.heads, self.checkpoints(), self.events)
        return tables.change_to(binding, allow_older=self.options.allow_older_bundle)

    def _check_backbone(self) -> None:
        row = self._rows.binding
        if self._binding is not None and not self._binding.understands(row):
            raise other_samples(self.path, row, self._binding)

    def _read_clock(self, now: float) -> ClockState:
        """Return the store's clock after a reading, and note it when the reading is not believed."""
        before = self._rows.clock
        clock = before.after(now)
        if before.believed and not clock.believed:
            detail = {"clock": str(now), "store": before.seen_at}
            self.events.note("clock-doubted", detail)
            self.notices.append(
                f"{self.path}: the clock says {now:.0f}, the store has seen {before.seen_at:.0f} (Unix seconds); no "
                "sample is deleted for its age until the clock has gone on for three days"
            )
        self._rows.set_clock(clock)
        return clock

    def _write_samples(self, features: Floats, labels: Floats, weight: float, origin: str, times: list[float]) -> None:
        clock, form = self._rows.clock, self.options.feature_format
        for z, label, captured_at in zip(features, labels, times, strict=True):
            ages = aged_from(captured_at, clock, self.options.retention)
            record = SampleRecord(captured_at, ages, float(np.float32(weight)), form, tuple(label.tolist()), origin)
            self.sample_table.write(z, record)

    def _overtaken(self, started_from: ActiveHead) -> str | None:
        """Return why a head must not be taken into use; None when it may."""
        self.heads.check_generation(started_from)
        version = self.heads.active().version
        if version == started_from.version:
            return None
        now = version_words(version)
        return f"{now} came into use while this head was trained, and was not compared with it; adapt again"


def _times(captured_at: float | Sequence[float] | Doubles, count: int) -> list[float]:
    values = np.asarray(captured_at, np.float64)
    if values.ndim and values.shape != (count,):
        raise BadInput(f"captured_at has {list(values.shape)} times for {count} labels; give one time, or one for each")
    times: list[float] = np.broadcast_to(values, count).tolist()
    return times
