"""The adaptation under way in a store, so that a kill does not lose all of it."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pen_mobile.phone.store.blobs import Blobs
from pen_mobile.phone.store.head_versions import ActiveHead, HeadVersions
from pen_mobile.phone.store.rows import Rows, json_record

_SELECT = "SELECT record, content FROM checkpoint"
_INSERT = "INSERT INTO checkpoint (only, record, content) VALUES (1, ?, ?)"


class Checkpoint(NamedTuple):
    """An interrupted adaptation.

    Attributes:
        inputs: digest of everything that decides the outcome; with other inputs the checkpoint means nothing.
        progress: numbers, for a JSON document.
        blob: what was learned so far.
    """

    inputs: str
    progress: dict[str, Any]
    blob: bytes


class Checkpoints:
    """The one checkpoint of a store, for an adaptation that started from one head."""

    def __init__(self, rows: Rows, heads: HeadVersions, started_from: ActiveHead | None = None) -> None:
        self._rows, self._heads, self._started_from = rows, heads, started_from
        self._blobs = Blobs(rows, "content")

    def load(self, inputs: str) -> Checkpoint | None:
        """Return the checkpoint of an interrupted adaptation, or None.

        Args:
            inputs: digest of the inputs of the present adaptation.

        Returns:
            The checkpoint; its ``inputs`` are those given when they are the same, and empty otherwise.

        Raises:
            BadInput: the checkpoint is not what was written.
        """
        found = self.read()
        if found is None:
            return None
        return found._replace(inputs=inputs if found.inputs == inputs else "")

    def read(self) -> Checkpoint | None:
        """Return the checkpoint with the inputs that it was saved with, or None.

        Raises:
            BadInput: the checkpoint is not what was written.
        """
        with self._rows.reading():
            row = self._rows.database.row(_SELECT)
            if row is None:
                return None
            values = self._rows.json(self._rows.open(row[0], "checkpoint"), "checkpoint")
            inputs, progress, content = values.get("inputs"), values.get("progress"), values.get("content")
            size = values.get("bytes")
            if not isinstance(inputs, str) or not isinstance(progress, dict) or type(size) is not int or size < 0:
                raise self._rows.damaged("checkpoint")
            return Checkpoint(inputs, progress, self._blobs.read(1, (content,), row[1], size))

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint instead of the one before, until a head is accepted or rejected, or data are deleted.

        Args:
            checkpoint: of the adaptation under way.

        Raises:
            ConcurrentUpdateError: the data that the adaptation learns from were deleted.
        """
        content = os.urandom(16).hex()
        values = {"inputs": checkpoint.inputs, "progress": checkpoint.progress, "content": content}
        with self._rows.writing():
            if self._started_from is not None:
                self._heads.check_generation(self._started_from)
            self.clear()
            blob = json_record(values | {"bytes": len(checkpoint.blob)}, self._rows.database.path)
            record = self._rows.seal(blob, "checkpoint")
            first = self._blobs.write(1, (content,), checkpoint.blob)
            self._rows.database.execute(_INSERT, (record, first))
            self._rows.record_change("checkpoint", 1, record)

    def clear(self) -> None:
        """Delete the checkpoint."""
        with self._rows.writing():
            for (record,) in self._rows.database.rows("SELECT record FROM checkpoint"):
                self._rows.record_change("checkpoint", 1, record)
                self._rows.database.execute("DELETE FROM checkpoint")
                self._blobs.delete([1])
