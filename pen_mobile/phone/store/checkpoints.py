"""The adaptation under way in a store, so that a kill does not lose all of it: one row, encrypted like any blob."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import Cipher
from pen_mobile.phone.store.head_versions import ActiveHead, HeadVersions

_SAVE = "INSERT OR REPLACE INTO unfinished (only, inputs, progress, blob) VALUES (1, ?, ?, ?)"
_IDENTITY = b"unfinished adaptation"


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

    def __init__(self, database: Database, cipher: Cipher, heads: HeadVersions, started_from: ActiveHead) -> None:
        self._db, self._cipher, self._heads, self._started_from = database, cipher, heads, started_from

    def load(self, inputs: str) -> Checkpoint | None:
        """Return the checkpoint of an interrupted adaptation, or None.

        Args:
            inputs: digest of the inputs of the present adaptation.

        Returns:
            The checkpoint; its ``inputs`` are those given when they are the same, and empty otherwise.
        """
        row = self._db.row("SELECT inputs, progress, blob FROM unfinished")
        if row is None:
            return None
        try:
            blob = self._cipher.open(row[2], _IDENTITY)
        except BadInput:
            return Checkpoint("", {}, b"")
        same = row[0] == self._cipher.digest(inputs.encode())
        return Checkpoint(inputs if same else "", json.loads(row[1]), blob)

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint instead of the one before, until a head is accepted or rejected, or data are deleted.

        Raises:
            ConcurrentUpdateError: the data that the adaptation learns from were deleted.
        """
        inputs = self._cipher.digest(checkpoint.inputs.encode())
        progress = json.dumps(checkpoint.progress, allow_nan=False)
        with self._db.transaction():
            self._heads.check_generation(self._started_from)
            self._db.execute(_SAVE, (inputs, progress, self._cipher.seal(checkpoint.blob, _IDENTITY)))

    def clear(self) -> None:
        """Delete the checkpoint."""
        self._db.execute("DELETE FROM unfinished")
