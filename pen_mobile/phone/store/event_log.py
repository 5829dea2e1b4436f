"""The store's log: what happened to it besides adaptations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.retention import Retention


class EventLog:
    """Entries of one store; writing belongs inside a transaction of the caller."""

    def __init__(self, database: Database, retention: Retention, clock: Callable[[], float]) -> None:
        self._db, self._retention, self._clock = database, retention, clock

    def note(self, kind: str, detail: dict[str, Any]) -> None:
        """Write one entry; delete the oldest ones when there are too many."""
        values = (self._clock(), kind, json.dumps(detail, allow_nan=False))
        self._db.execute("INSERT INTO event (at, kind, detail) VALUES (?, ?, ?)", values)
        self._retention.delete_events(self._db)

    def entries(self) -> list[dict[str, Any]]:
        """Return every entry, oldest first."""
        rows = self._db.records("SELECT at, kind, detail FROM event ORDER BY id")
        return [row | {"detail": json.loads(row["detail"])} for row in rows]

    def last_of(self, first: str, second: str) -> str | None:
        """Return which of two kinds was written last; None for neither."""
        row = self._db.row("SELECT kind FROM event WHERE kind IN (?, ?) ORDER BY id DESC LIMIT 1", (first, second))
        return None if row is None else str(row[0])
