"""Deleting all data of a store, with a proof that no byte of them is left in its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.rows import TABLES, Rows

_SLICE = 16
_STRIDE = 512
_DISTINCT = 8  # a slice of fewer different bytes proves nothing: zeros are everywhere
_BLOBS = (
    "SELECT record FROM sample",
    "SELECT feature FROM sample",
    "SELECT record FROM head_version",
    "SELECT parameters FROM head_version WHERE parameters IS NOT NULL",
    "SELECT record FROM checkpoint",
    "SELECT content FROM checkpoint",
    "SELECT record FROM event",
    "SELECT content FROM piece",
)


class Deletion:
    """Deletes everything in a store but its binding."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def delete_all(self) -> dict[str, int]:
        """Delete all rows, rewrite the file without them, and read it to prove that they are gone.

        Returns:
            How many rows of each table there were.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied, or bytes are left.
        """
        with self._rows.writing():
            database = self._rows.database
            counts = {table: database.number(f"SELECT count(*) FROM {table}") for table in TABLES}
            traces = frozenset(self._traces())
            for table in (*TABLES, "piece"):
                database.execute(f"DELETE FROM {table}")
            self._renew()
        self._scrub(traces)
        return counts

    def finish(self) -> bool:
        """Finish a deletion that was interrupted; return whether there was one.

        Raises:
            BadInput: another process reads the store, so that its log cannot be emptied.
        """
        with self._rows.reading():
            if not self._rows.binding["deleting"]:
                return False
        self._scrub(frozenset())
        return True

    def _renew(self) -> None:
        """Start the store anew: what was sealed before belongs to another store, and what is learned is not kept."""
        binding, state = self._rows.binding, self._rows.state
        binding.update(store_id=os.urandom(16).hex(), generation=binding["generation"] + 1, deleting=1, state=None)
        if state is not None:
            self._rows.state = replace(state, rows=0)

    def _scrub(self, traces: frozenset[bytes]) -> None:
        """Rewrite the file without deleted pages, and cut the log, which still has them, to nothing."""
        database = self._rows.database
        database.execute("VACUUM")
        if not database.empty_log():
            raise BadInput(
                f"{database.path}: everything is deleted, but another process is using the store and holds its log; "
                "close it and delete again, so that the old bytes go too"
            )
        self._prove(traces)
        with self._rows.writing():
            self._rows.binding["deleting"] = 0

    def _traces(self) -> Iterator[bytes]:
        """Return short pieces of everything that is kept, by which it would be found."""
        for query in _BLOBS:
            for (blob,) in self._rows.database.execute(query):
                for at in (*range(0, len(blob) - _SLICE, _STRIDE), len(blob) - _SLICE):
                    piece = blob[at : at + _SLICE]
                    if len(set(piece)) >= _DISTINCT:
                        yield piece

    def _prove(self, traces: frozenset[bytes]) -> None:
        for file in self._rows.database.files():
            content = file.read_bytes()
            if any(content[at : at + _SLICE] in traces for at in range(len(content) - _SLICE + 1)):
                raise BadInput(f"{file} still holds bytes of what was deleted; delete the file itself")
