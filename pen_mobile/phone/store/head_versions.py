"""Head versions in a store: every attempt to adapt, accepted or not, and which one is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.blobs import Blobs
from pen_mobile.phone.store.encryption import KeyRequired
from pen_mobile.phone.store.head_record import HeadRecord, Status, shown
from pen_mobile.phone.store.rows import Rows, json_record

_COLUMNS = "version, parent, status, record"
_INSERT = "INSERT INTO head_version (version, parent, status, record, parameters) VALUES (?, ?, ?, ?, ?)"
_UPDATE = "UPDATE head_version SET status = ?, record = ?, parameters = ? WHERE version = ?"
_ACTIVE = "SELECT version FROM head_version WHERE status = 'active'"
# The active version and its parent always keep their parameters, so that one step back is always possible.
_OLD = """
    SELECT version FROM head_version WHERE status = 'superseded' AND parameters IS NOT NULL
        AND version NOT IN (SELECT parent FROM head_version WHERE status = 'active' AND parent IS NOT NULL)
        AND version IN
            (SELECT version FROM head_version WHERE parameters IS NOT NULL ORDER BY version DESC LIMIT -1 OFFSET ?)
"""


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
    """The head versions of one store."""

    def __init__(self, rows: Rows, clock: Callable[[], float]) -> None:
        self._rows, self._clock = rows, clock
        self._blobs = Blobs(rows, "parameters")

    def active(self) -> ActiveHead:
        """Return the head in use."""
        with self._rows.reading():
            row = self._rows.database.row(_ACTIVE)
            return ActiveHead(self._rows.binding["generation"], None if row is None else row[0])

    def parameters(self, version: int) -> bytes:
        """Return the parameters of a head version.

        Args:
            version: of the head.

        Returns:
            The head parameters ``[n_s (1 + K), D_z + 1]``, little-endian float32.

        Raises:
            BadInput: they are damaged or no longer kept.
        """
        with self._rows.reading():
            found = self._read(version)
            first = self._rows.database.row("SELECT parameters FROM head_version WHERE version = ?", (version,))
            if found is None or found.size is None or first is None:
                raise BadInput(
                    f"{self._rows.database.path}: head version {version} is no longer kept; 'reset' goes to the "
                    "initial head"
                )
            return self._blobs.read(version, (version,), first[0], found.size)

    def record(
        self,
        status: Literal["active", "rejected"],
        parameters: bytes | None,
        metrics: dict[str, Any],
        strategy: str | None,
        parent: int | None,
    ) -> int:
        """Write one attempt; an active one replaces the one in use. Return its version.

        Args:
            status: whether the attempt comes into use.
            parameters: little-endian float32; None for a rejected attempt.
            metrics: what was measured.
            strategy: how it was trained.
            parent: the version that it was compared with.
        """
        with self._rows.writing():
            if status == "active":
                self.supersede()
            version = self._rows.database.number("SELECT coalesce(max(version), 0) + 1 FROM head_version")
            size = None if parameters is None else len(parameters)
            self.insert(HeadRecord(version, parent, status, strategy, metrics, self._clock(), size), parameters)
            return version

    def insert(self, head: HeadRecord, parameters: bytes | None) -> None:
        """Write one attempt as it is.

        Args:
            head: what is known of it.
            parameters: little-endian float32, ``head.size`` bytes; None: they are not kept.
        """
        with self._rows.writing():
            record = self._sealed(head)
            first = None if parameters is None else self._blobs.write(head.version, (head.version,), parameters)
            values = (head.version, head.parent, head.status, record, first)
            self._rows.database.execute(_INSERT, values)
            self._rows.record_change("head_version", head.version, record)

    def supersede(self) -> None:
        """Take the bundle's initial head into use instead of the active one."""
        version = self.active().version
        if version is not None:
            self._change(version, status="superseded")

    def step_back(self, version: int) -> int | None:
        """Take the parent of the version in use back into use; return its version, None for the initial head.

        Args:
            version: the version in use.

        Raises:
            BadInput: the parent's parameters are damaged or no longer kept.
        """
        found = self._read(version)
        parent = None if found is None else found.parent
        if parent is not None:
            self.parameters(parent)
        self.supersede()
        if parent is not None:
            self._change(parent, status="active")
        return parent

    def size(self, version: int) -> int | None:
        """Return the number of bytes of a version's parameters; None: they are not kept."""
        with self._rows.reading():
            found = self._read(version)
            return None if found is None else found.size

    def sizes(self) -> dict[int, int]:
        """Return the number of bytes of the parameters of every version that keeps them."""
        return {head.version: head.size for head in self.records() if head.size is not None}

    def replace_parameters(self, version: int, parameters: bytes) -> None:
        """Write other parameters of a version.

        Args:
            version: of the head.
            parameters: little-endian float32.
        """
        with self._rows.writing():
            self._blobs.delete([version])
            first = self._blobs.write(version, (version,), parameters)
            self._change(version, first, size=len(parameters))

    def drop_parameters(self) -> None:
        """Delete the parameters of every version; what they measured stays."""
        with self._rows.writing():
            self.supersede()
            self._drop(list(self.sizes()))

    def drop_old(self, keep: int) -> None:
        """Delete the parameters of old versions.

        Args:
            keep: number of versions whose parameters stay, besides the active one and its parent.
        """
        with self._rows.writing():
            self._drop([version for (version,) in self._rows.database.rows(_OLD, (keep,))])

    def check_generation(self, started_from: ActiveHead) -> None:
        """Check that no data were deleted since an adaptation started.

        Args:
            started_from: the head that was in use then.

        Raises:
            ConcurrentUpdateError: they were, or the bundle was changed.
        """
        if self.active().generation != started_from.generation:
            raise ConcurrentUpdateError(
                f"{self._rows.database.path}: data were deleted, or the bundle was changed, while this head was "
                "trained; nothing of it is kept"
            )

    def records(self) -> list[HeadRecord]:
        """Return every attempt, oldest first.

        Raises:
            BadInput: an attempt is not what was written.
        """
        with self._rows.reading():
            rows = self._rows.database.rows(f"SELECT {_COLUMNS} FROM head_version ORDER BY version")
            return [self._opened(*row) for row in rows]

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first, with what it measured and the reason.

        Returns:
            Objects with ``version``, ``parent``, ``status``, ``created_at``, ``strategy``, ``kept`` (whether the
            parameters are), and the names of what was measured.

        Raises:
            BadInput: an attempt is not what was written.
        """
        return [shown(head) for head in self.records()]

    def latest(self) -> dict[str, Any] | None:
        """Return the last attempt as in :meth:`history`, or None."""
        with self._rows.reading():
            row = self._rows.database.row(f"SELECT {_COLUMNS} FROM head_version ORDER BY version DESC LIMIT 1")
            return None if row is None else shown(self._opened(*row))

    def _read(self, version: int) -> HeadRecord | None:
        row = self._rows.database.row(f"SELECT {_COLUMNS} FROM head_version WHERE version = ?", (version,))
        return None if row is None else self._opened(*row)

    def _opened(self, version: int, parent: int | None, status: Status, record: bytes) -> HeadRecord:
        blob = self._rows.open(record, "head_version", version, parent, status)
        values = self._rows.json(blob, "head_version", version)
        strategy, metrics = values.get("strategy"), values.get("metrics")
        created_at, size = values.get("created_at"), values.get("bytes")
        if (
            not (strategy is None or isinstance(strategy, str))
            or not isinstance(metrics, dict)
            or not isinstance(created_at, (int, float))
            or not (size is None or (type(size) is int and size > 0))
        ):
            raise self._rows.damaged("head_version", version)
        return HeadRecord(version, parent, status, strategy, metrics, created_at, size)

    def _opened_or_lost(self, version: int, parent: int | None, status: Status, record: bytes) -> HeadRecord:
        """Return an attempt, or what can still be said of one whose record is damaged, so that it can be left."""
        try:
            return self._opened(version, parent, status, record)
        except KeyRequired:
            raise
        except BadInput:
            lost = {"reason": "the record of this attempt was damaged"}
            return HeadRecord(version, parent, status, None, lost, self._clock(), None)

    def _sealed(self, head: HeadRecord) -> bytes:
        values = {"strategy": head.strategy, "created_at": head.created_at, "bytes": head.size, "metrics": head.metrics}
        return self._rows.seal(json_record(values, self._rows.database.path), *head.place)

    def _drop(self, versions: list[int]) -> None:
        for version in versions:
            self._change(version, size=None)
        self._blobs.delete(versions)

    def _change(self, version: int, parameters: bytes | None = None, **changes: Any) -> None:
        """Write another status, other parameters, or that they are no longer kept."""
        columns = f"SELECT {_COLUMNS}, parameters FROM head_version WHERE version = ?"
        (*row, first) = self._rows.database.rows(columns, (version,))[0]
        head = HeadRecord(**(vars(self._opened_or_lost(*row)) | changes))
        record = self._sealed(head)
        values = (head.status, record, None if head.size is None else parameters or first, version)
        self._rows.database.execute(_UPDATE, values)
        self._rows.record_change("head_version", version, row[3], record)
