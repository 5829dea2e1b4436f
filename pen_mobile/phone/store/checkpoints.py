"""The adaptation under way in a store, so that a kill does not lose all of it: one row, sealed like any blob."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import Sealer

_SAVE = "INSERT OR REPLACE INTO unfinished (only, inputs, progress, blob) VALUES (1, ?, ?, ?)"
_IDENTITY = b"unfinished adaptation"


class Checkpoint(NamedTuple):
    """An adaptation that did not come to its end.

    Attributes:
        inputs: digest of everything that decides the outcome; with other inputs it means nothing.
        progress: numbers, for a JSON document.
        blob: what was learned so far.
    """

    inputs: str
    progress: dict[str, Any]
    blob: bytes


class UnfinishedTable:
    """The one checkpoint of a store; writing belongs inside a transaction of the caller."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db, self._sealer = database, sealer

    def load(self, inputs: str) -> Checkpoint | None:
        """Return the checkpoint; its inputs are those given when they are the same, and empty otherwise."""
        row = self._db.row("SELECT inputs, progress, blob FROM unfinished")
        if row is None:
            return None
        try:
            blob = self._sealer.unseal(row[2], _IDENTITY)
        except BadInput:
            return Checkpoint("", {}, b"")
        same = row[0] == self._sealer.digest(inputs.encode())
        return Checkpoint(inputs if same else "", json.loads(row[1]), blob)

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep one instead of the one before."""
        inputs = self._sealer.digest(checkpoint.inputs.encode())
        progress = json.dumps(checkpoint.progress, allow_nan=False)
        self._db.execute(_SAVE, (inputs, progress, self._sealer.seal(checkpoint.blob, _IDENTITY)))

    def clear(self) -> None:
        """Forget it."""
        self._db.execute("DELETE FROM unfinished")
