"""The store's log: what happened to it besides adaptations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pen_mobile.phone.store.rows import Rows, json_record

_OLD = "SELECT id, record FROM event ORDER BY id DESC LIMIT -1 OFFSET ?"


class EventLog:
    """The log of one store.

    Args:
        rows: the store's tables.
        limit: number of entries that are kept.
        clock: returns the present time, Unix seconds.
    """

    def __init__(self, rows: Rows, limit: int, clock: Callable[[], float]) -> None:
        self._rows, self._limit, self._clock = rows, limit, clock

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry, and delete the oldest ones when there are too many.

        Args:
            kind: of the entry.
            detail: plain values, for a JSON document.
        """
        self.append(self._clock(), kind, detail)

    def append(self, at: float, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry of any time.

        Args:
            at: Unix seconds.
            kind: of the entry.
            detail: plain values, for a JSON document.
        """
        values = json_record({"at": at, "kind": kind, "detail": detail}, self._rows.database.path)
        with self._rows.writing():
            row = self._rows.database.number("SELECT coalesce(max(id), 0) + 1 FROM event")
            record = self._rows.seal(values, "event", row)
            self._rows.database.execute("INSERT INTO event (id, record) VALUES (?, ?)", (row, record))
            self._rows.record_change("event", row, record)
            self._delete_old()

    def entries(self) -> list[dict[str, Any]]:
        """Return every entry, oldest first.

        Returns:
            Objects with ``at``, ``kind`` and ``detail``.

        Raises:
            BadInput: an entry is not what was written.
        """
        with self._rows.reading():
            rows = self._rows.database.rows("SELECT id, record FROM event ORDER BY id")
            return [self._entry(*row) for row in rows]

    def _entry(self, row: int, record: bytes) -> dict[str, Any]:
        values = self._rows.json(self._rows.open(record, "event", row), "event", row)
        at, kind, detail = values.get("at"), values.get("kind"), values.get("detail")
        if not isinstance(at, (int, float)) or not isinstance(kind, str) or not isinstance(detail, dict):
            raise self._rows.damaged("event", row)
        return {"at": at, "kind": kind, "detail": detail}

    def _delete_old(self) -> None:
        for row, record in self._rows.database.rows(_OLD, (self._limit,)):
            self._rows.record_change("event", row, record)
            self._rows.database.execute("DELETE FROM event WHERE id = ?", (row,))
