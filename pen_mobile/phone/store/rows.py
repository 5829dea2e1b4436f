"""What every table of a store shares: transactions, blobs that are bound to their rows, and the state of the store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.clock import ClockState
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import TAG_BYTES, Cipher, NoKey
from pen_mobile.phone.store.store_state import StoreState
from pen_mobile.utils.strict_json import parse_strictly

BINDING_COLUMNS = (
    *("store_id", "key_check", "backbone", "feature_size", "targets", "head_bytes", "head", "model", "serial"),
    *("generation", "deleting", "state"),
)
_STATE_FIELDS = (
    *("backbone", "feature_size", "targets", "head_bytes", "head", "model", "serial", "generation", "deleting"),
)
_UPDATE = f"UPDATE bundle_binding SET {', '.join(f'{name} = ?' for name in BINDING_COLUMNS)}"
_INSERT = f"INSERT INTO bundle_binding (only, {', '.join(BINDING_COLUMNS)}) VALUES (1{', ?' * len(BINDING_COLUMNS)})"
_SEEN_EVERY_S = 3600.0
_NAMES = {
    "sample": "sample",
    "feature": "sample",
    "head_version": "head version",
    "parameters": "head version",
    "checkpoint": "the checkpoint",
    "content": "the checkpoint",
    "event": "event",
}
_MAX_RECORD = 256 << 10
_TAGS = {
    "sample": "SELECT id, substr(record, -16) FROM sample",
    "head_version": "SELECT version, substr(record, -16) FROM head_version",
    "checkpoint": "SELECT only, substr(record, -16) FROM checkpoint",
    "event": "SELECT id, substr(record, -16) FROM event",
}
TABLES = tuple(_TAGS)
"""Tables whose rows are the user's data."""


@dataclass
class Rows:
    """The tables of an open store, behind one cipher.

    Every access lies in :meth:`reading` or :meth:`writing`. Both load the binding first, so that what another process
    changed is seen; a block inside another one is part of it.

    Attributes:
        binding: columns of the table ``bundle_binding``; a change inside :meth:`writing` is stored with it.
        state: state of the store; None without the key, and after a deletion without the key.
        rollbacks: number of writing blocks that came to nothing.
    """

    database: Database
    cipher: Cipher
    binding: dict[str, Any] = field(default_factory=dict)
    state: StoreState | None = None
    rollbacks: int = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read several things of one moment."""
        if self.database.in_transaction:
            yield
            return
        with self.database.transaction("DEFERRED"):
            self.load()
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Do all of the block or nothing; other processes do not write meanwhile."""
        if self.database.in_transaction:
            yield
            return
        try:
            with self.database.transaction("IMMEDIATE"):
                self.load()
                before = dict(self.binding), self.state
                yield
                if (self.binding, self.state) != before:
                    self.save()
        except BaseException:
            self.rollbacks += 1
            raise

    @property
    def clock(self) -> ClockState:
        """Which time the store believes.

        Raises:
            KeyRequired: the store is encrypted, and no key was given.
        """
        if self.state is None:
            self.cipher.digest(b"")  # raises without the key
            return ClockState(0.0)
        return self.state.clock

    def create(self, columns: dict[str, Any], clock: ClockState) -> None:
        """Write the binding and the state of a store that has no rows yet, inside a transaction.

        Args:
            columns: what the store notes of its bundle.
            clock: what it believes of the time.
        """
        key_check = self.cipher.key_check()
        self.state = StoreState(clock, 0)
        own = {"store_id": os.urandom(16).hex(), "key_check": key_check, "generation": 1, "deleting": 0, "state": None}
        self.binding = columns | own
        self.binding["state"] = self._sealed_state(self.state)
        self.database.execute(_INSERT, [self.binding[name] for name in BINDING_COLUMNS])

    def load(self) -> None:
        """Read binding and state.

        Raises:
            BadInput: the binding is missing, or the state is not what was written.
        """
        self.binding = binding_row(self.database)
        self.state = self._opened_state()

    def save(self) -> None:
        """Write binding and state."""
        if self.state is not None:
            self.binding["state"] = self._sealed_state(self.state)
        self.database.execute(_UPDATE, [self.binding[name] for name in BINDING_COLUMNS])

    def set_clock(self, clock: ClockState) -> None:
        """Note a reading of the clock, when it changes what the store believes by an hour or more."""
        old = self.clock
        if self.state is not None and (clock.doubt != old.doubt or abs(clock.seen_at - old.seen_at) >= _SEEN_EVERY_S):
            self.state = replace(self.state, clock=clock)

    def place(self, kind: str, *fields: object) -> bytes:
        """Return the name of a place in this store, which a blob there is bound to.

        Args:
            kind: of the blob.
            fields: what tells it from others of its kind; None is empty.
        """
        shown = ("" if value is None else str(value) for value in fields)
        return "\n".join(("pen-mobile store 4", self.binding["store_id"], kind, *shown)).encode()

    def seal(self, blob: bytes, kind: str, *fields: object) -> bytes:
        """Return what to store at a place."""
        return self.cipher.seal(blob, self.place(kind, *fields))

    def open(self, stored: object, kind: str, *fields: object) -> bytes:
        """Return the blob that is stored at a place.

        Raises:
            BadInput: it is damaged, or was made for another place, store or key.
        """
        blob = self.cipher.open(stored, self.place(kind, *fields)) if isinstance(stored, bytes) else None
        if blob is None:
            raise self.damaged(kind, *fields[:1])
        return blob

    def record_change(self, kind: str, row: int, *records: bytes) -> None:
        """Note that stored records of a row came or went; a row that is replaced names the old and the new one."""
        if self.state is not None:
            change = self.cipher.rows_hash(_name(kind, row, record[-TAG_BYTES:]) for record in records)
            self.state = replace(self.state, rows=self.state.rows ^ change)

    def check_rows(self) -> None:
        """Compare all rows with the state.

        Raises:
            BadInput: rows were added, deleted, replaced or brought back other than by :meth:`writing`.
        """
        if isinstance(self.cipher, NoKey):
            return
        found = self.cipher.rows_hash(self._names())
        if self.state is None and found == 0:  # everything was deleted without the key
            return
        if self.state is None or found != self.state.rows:
            raise BadInput(
                f"{self.database.path}: the store is damaged: rows were changed, deleted or put back; nothing was "
                "changed. Put a copy back, or move it away and start anew"
            )

    def damaged(self, kind: str, *fields: object) -> BadInput:
        """Return the error for a row that is not what was written."""
        name = " ".join((_NAMES[kind], *(str(value) for value in fields)))
        return BadInput(f"{self.database.path}: {name} is damaged, or was made for another row, store or key")

    def json(self, blob: bytes, kind: str, *fields: object) -> dict[str, Any]:
        """Return the JSON object of a record.

        Raises:
            BadInput: it is none.
        """
        try:
            value = parse_strictly(blob, _MAX_RECORD)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.damaged(kind, *fields)
        return value

    def _names(self) -> Iterator[bytes]:
        for kind, query in _TAGS.items():
            for row, tag in self.database.rows(query):
                if not isinstance(tag, bytes):
                    raise self.damaged(kind, row)
                yield _name(kind, row, tag)

    def _sealed_state(self, state: StoreState) -> bytes:
        return self.cipher.seal(state.to_bytes(), self._state_place())

    def _state_place(self) -> bytes:
        return self.place("state", *(self.binding[name] for name in _STATE_FIELDS))

    def _opened_state(self) -> StoreState | None:
        stored = self.binding["state"]
        if isinstance(self.cipher, NoKey) or (stored is None and self.binding["key_check"] is not None):
            return None
        blob = self.cipher.open(stored, self._state_place()) if isinstance(stored, bytes) else None
        state = None if blob is None else StoreState.from_bytes(blob)
        if state is None:
            raise BadInput(
                f"{self.database.path}: the store is damaged: what it says of its bundle was changed; nothing was "
                "changed. Put a copy back, or move it away and start anew"
            )
        return state


def _name(kind: str, row: int, tag: bytes) -> bytes:
    return b"%s\n%d\n%s" % (kind.encode(), row, tag)


def json_record(values: dict[str, Any], store: object) -> bytes:
    """Return a record as bytes of JSON.

    Raises:
        BadInput: it is longer than a record may be.
    """
    blob = json.dumps(values, allow_nan=False, separators=(",", ":")).encode()
    if len(blob) > _MAX_RECORD:
        raise BadInput(f"{store}: a record of {len(blob):,} bytes is too long; at most {_MAX_RECORD:,} are kept")
    return blob


def binding_row(database: Database) -> dict[str, Any]:
    """Return the columns of the one row of ``bundle_binding``.

    Raises:
        BadInput: there is none.
    """
    for row in database.records(f"SELECT {', '.join(BINDING_COLUMNS)} FROM bundle_binding"):
        return row
    raise BadInput(f"{database.path} is not a personal store: it does not say to which bundle it belongs")
