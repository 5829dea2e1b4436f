"""One SQLite file, opened the way the personal store needs it, with errors that say what happened."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput, StoreFull

IN_MEMORY = Path(":memory:")
WAIT_S = 10.0
"""How long a process waits for another one that is writing."""

# What cannot be undone must be on the disk (FULL; fullfsync is for Apple's drives); what is deleted is overwritten;
# nothing is spilled into temporary files.
_PRAGMAS = """
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
"""
_REASONS = {
    "locked": "another process is using it and did not finish in time; try again",
    "readonly": "it cannot be written; is its folder read-only?",
    "unable to open": "it cannot be opened; is its folder there, and writable?",
    "is full": "the disk is full; what was kept before is safe, this was not kept",
    "disk I/O": "the disk refused (full, over a quota, or failing); what was kept before is safe, this was not kept",
    "malformed": (
        "not a usable personal store: the file is damaged; nothing was changed. "
        "Put a copy back, or move it away and start anew"
    ),
    "not a database": "not a usable personal store: the file is something else; nothing was changed",
}


class Database:
    """One connection. Every sqlite3 error leaves as :class:`BadInput`, and no transaction stays open after one."""

    def __init__(self, path: Path, wait_s: float = WAIT_S, quota_bytes: int | None = None) -> None:
        """Connect; nothing is written yet.

        Args:
            quota_bytes: the file grows no further than this; one that is larger already grows no more.

        Raises:
            BadInput: SQLite cannot open the path.
        """
        self.path, self._wait_s, self._quota_bytes = path, wait_s, quota_bytes
        if path != IN_MEMORY and not path.parent.is_dir():
            raise BadInput(f"{path.parent} is not a folder; the store cannot be made there")
        with self._explaining():
            self._db = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
            self._db.executescript(_PRAGMAS)
            self._limit_pages()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self._explaining():
            return self._db.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._explaining():
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        return next(iter(self.rows(sql, values)), None)

    def number(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Return the one integer that a query gives."""
        return int(self.rows(sql, values)[0][0])

    def records(self, sql: str) -> list[dict[str, Any]]:
        """Return all rows of a query by the names of its columns."""
        with self._explaining():
            cursor = self._db.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of the block or nothing; other writers wait. A block inside another one is part of it."""
        if self._db.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def run_script(self, script: str) -> None:
        """Run every statement of a script, inside the transaction that is open (``executescript`` would end it)."""
        for statement in _statements(script):
            self.execute(statement)

    def enter_wal(self) -> None:
        """Turn the write-ahead log on; two processes that make one store may meet here, and SQLite does not wait."""
        if self.path == IN_MEMORY:
            return
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except BadInput as error:
                if _REASONS["locked"] not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def check_integrity(self) -> None:
        """Read every page and every reference.

        Raises:
            BadInput: anything is not as SQLite wrote it.
        """
        found = self.rows("PRAGMA integrity_check(1)")[0][0]
        if found != "ok" or self.rows("PRAGMA foreign_key_check"):
            raise BadInput(f"{self.path}: {_REASONS['malformed']} ({found})")

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; returns False when another process reads it."""
        return self.number("PRAGMA wal_checkpoint(TRUNCATE)") == 0

    def size(self) -> int:
        """Return the bytes on disk: the file, its log and the log's index."""
        files = [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm")]
        return sum(file.stat().st_size for file in files if file.exists())

    def _limit_pages(self) -> None:
        if self._quota_bytes is not None:
            pages = self._quota_bytes // self.number("PRAGMA page_size")
            self.execute(f"PRAGMA max_page_count = {max(1, pages)}")

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors, such as a full disk
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._quota_bytes is not None and "is full" in str(error):
                raise StoreFull(
                    f"{self.path}: the store is full: it may hold {self._quota_bytes:,} bytes; what was kept before is "
                    "safe, this was not kept"
                ) from None
            reasons = (reason for word, reason in _REASONS.items() if word in str(error))
            reason = next(reasons, "SQLite refused")
            raise BadInput(f"{self.path}: {reason} ({error})") from None


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
