"""One SQLite file, opened the way the personal store needs it, with errors that say what happened."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pen_mobile.errors import BadInput, StoreFull, one_line

IN_MEMORY = Path(":memory:")
WAIT_S = 10.0
"""How long a process waits for another one that is writing."""
MAX_STATEMENT_S = 60.0
"""How long one statement may run, so that a file that was made to keep SQLite busy ends in an error."""
MAX_BLOB_BYTES = 64 << 20
"""Longest value that is read; present stores hold none of more than about 1 MiB, older ones longer ones."""
_PROGRESS_STEPS = 100_000  # virtual machine instructions between two looks at the time

# What cannot be undone must be on the disk (FULL; fullfsync is for Apple's drives); what is deleted is overwritten;
# nothing is spilled into temporary files; what stands in a schema may not call functions with side effects.
_PRAGMAS = """
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
"""
_DAMAGED = (
    "not a usable personal store: the file is damaged; nothing was changed. "
    "Put a copy back, or move it away and start anew"
)
_REASONS = {
    "locked": "another process is using it and did not finish in time; try again",
    "readonly": "it cannot be written; is its folder read-only?",
    "unable to open": "it cannot be opened; is its folder there, and writable?",
    "is full": "the disk is full; what was kept before is safe, this was not kept",
    "disk I/O": "the disk refused (full, over a quota, or failing); what was kept before is safe, this was not kept",
    "malformed": _DAMAGED,
    "interrupted": _DAMAGED,
    "too big": _DAMAGED,
    "Could not decode": _DAMAGED,
    "can't decode": _DAMAGED,
    "not a database": "not a usable personal store: the file is something else; nothing was changed",
}


class Database:
    """One connection. Every sqlite3 error leaves as :class:`BadInput`, and no transaction stays open after one."""

    def __init__(
        self, path: Path, wait_s: float = WAIT_S, quota_bytes: int | None = None, *, create: bool = False
    ) -> None:
        """Connect; nothing is written yet.

        Args:
            path: of the file.
            wait_s: how long to wait for another process that is writing.
            quota_bytes: the file grows no further than this; one that is larger already grows no more.
            create: make an empty file that only its user may read, when there is none.

        Raises:
            BadInput: SQLite cannot open the path.
        """
        self.path, self._wait_s, self._quota_bytes = path, wait_s, quota_bytes
        if path != IN_MEMORY and not path.parent.is_dir():
            raise BadInput(f"{path.parent} is not a folder; the store cannot be made there")
        if create and path != IN_MEMORY:
            _create_private(path)
        self._ends_at = time.monotonic() + MAX_STATEMENT_S
        with self._explaining():
            self._db = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
            self._harden()
            self._db.executescript(_PRAGMAS)
            self._limit_pages()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._db.in_transaction

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
    def transaction(self, mode: Literal["DEFERRED", "IMMEDIATE"] = "IMMEDIATE") -> Iterator[None]:
        """Do all of the block or nothing; with IMMEDIATE, other writers wait."""
        self.execute(f"BEGIN {mode}")
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
            raise BadInput(f"{self.path}: {_DAMAGED} ({one_line(found)})")

    def data_version(self) -> int:
        """Return a number that changes when another connection changed the file."""
        return self.number("PRAGMA data_version")

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; returns False when another process reads it."""
        return self.number("PRAGMA wal_checkpoint(TRUNCATE)") == 0

    def files(self) -> list[Path]:
        """Return the files of the store that are there: the file, its log, the log's index, and a journal."""
        files = [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm", "-journal")]
        return [] if self.path == IN_MEMORY else [file for file in files if file.exists()]

    def size(self) -> int:
        """Return the bytes on disk."""
        return sum(file.stat().st_size for file in self.files())

    def _harden(self) -> None:
        """Bound what a file may make SQLite do, as far as this Python offers it."""
        self._db.set_progress_handler(self._is_too_long, _PROGRESS_STEPS)
        if hasattr(self._db, "setlimit"):  # Python 3.11
            self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BLOB_BYTES)  # type: ignore[attr-defined,unused-ignore]
        if hasattr(self._db, "setconfig"):  # Python 3.12
            self._db.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]

    def _is_too_long(self) -> bool:
        return time.monotonic() > self._ends_at

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
        self._ends_at = time.monotonic() + MAX_STATEMENT_S
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
            if self._quota_bytes is not None and "is full" in str(error):
                raise StoreFull(
                    f"{self.path}: the store is full: it may hold {self._quota_bytes:,} bytes; what was kept before is "
                    "safe, this was not kept"
                ) from None
            reasons = (reason for word, reason in _REASONS.items() if word in str(error))
            reason = next(reasons, "SQLite refused")
            raise BadInput(f"{self.path}: {reason} ({one_line(error)})") from None


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise BadInput(f"{path}: {_REASONS['unable to open']} ({error.strerror})") from None


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
