"""What a store belongs to, and what happens to it when its bundle is another one than before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.event_log import Log
from pen_mobile.phone.store.head_versions import StateTable

OnOtherBackbone = Literal["refuse", "forget"]
"""What to do with a store of another backbone: refuse it, or delete its features and go on."""

Row = dict[str, Any]

_COLUMNS = ("backbone", "feature_size", "head_bytes", "head")
_CREATE = "INSERT INTO bundle (only, backbone, feature_size, head_bytes, head, key_check) VALUES (1, ?, ?, ?, ?, ?)"
_CHANGE = "UPDATE bundle SET backbone = ?, feature_size = ?, head_bytes = ?, head = ?"
_NEXT_GENERATION = "UPDATE bundle SET generation = generation + 1"


@dataclass(frozen=True)
class Owner:
    """The bundle that a store belongs to.

    Attributes:
        backbone: identity of the backbone; features of another one mean nothing here.
        feature_size: D_z.
        head_bytes: size of the head's parameters.
        head: SHA-256 of the parameters that the bundle ships.
        program: SHA-256 of the backbone's program, by which older releases knew a backbone.
    """

    backbone: str
    feature_size: int
    head_bytes: int
    head: str | None = None
    program: str | None = None

    def understands(self, row: Row) -> bool:
        """Return whether features in a store are this backbone's."""
        return row["backbone"] in (self.backbone, self.program) and row["feature_size"] == self.feature_size

    def is_of(self, row: Row) -> bool:
        """Return whether a store belongs to this very bundle."""
        return self.columns == tuple(row[name] for name in _COLUMNS)

    @property
    def columns(self) -> tuple[str, int, int, str | None]:
        """What the store notes."""
        return self.backbone, self.feature_size, self.head_bytes, self.head


class Belonging:
    """The one row that says which bundle a store belongs to."""

    def __init__(self, database: Database, states: StateTable, log: Log) -> None:
        self._db, self._states, self._log = database, states, log

    def change_to(self, owner: Owner) -> str | None:
        """Make the store that of another bundle, in one transaction; returns what changed, for people.

        Samples and the head in use stay when the backbone is the same and the head has the same size. Of another
        backbone, samples and the bytes of all heads are deleted; what the heads measured stays.
        """
        with self._db.transaction():
            row = bundle_row(self._db)
            if owner.is_of(row):
                return None  # another process was faster
            if not owner.understands(row):
                change: str | None = self._forget_features(row, owner)
            elif row["head_bytes"] is None or (row["head_bytes"], row["head"]) == (owner.head_bytes, owner.head):
                change = self._leave_unfit_head(owner)  # the same bundle, exported or noted in another way
            else:
                change = self._change_head(owner)
            self._db.execute(_CHANGE, owner.columns)
            return change

    def next_generation(self) -> None:
        """What is being learned now must not be accepted any more."""
        self._db.execute(_NEXT_GENERATION)

    def _forget_features(self, row: Row, owner: Owner) -> str:
        count = self._db.number("SELECT count(*) FROM sample")
        self._db.execute("DELETE FROM sample")
        self._db.execute("DELETE FROM unfinished")
        self._states.drop_blobs()
        self.next_generation()
        self._log.note("rebased", {"from": row["backbone"], "to": owner.backbone, "samples": count})
        return f"another backbone: {count} samples of the old one are deleted; the bundle's initial head is in use"

    def _change_head(self, owner: Owner) -> str:
        left = self._leave_unfit_head(owner)
        version = self._states.in_use().version
        self.next_generation()
        if left is None:
            self._log.note("bundle-changed", {"head_in_use": version})
        in_use = "the bundle's initial head" if version is None else f"version {version}, adapted from the old one,"
        return left or f"the bundle ships another head; the samples carry over, and {in_use} is in use"

    def _leave_unfit_head(self, owner: Owner) -> str | None:
        version = self._states.in_use().version
        if version is None or self._states.fits(version, owner.head_bytes):
            return None
        self._states.supersede()
        self._log.note("bundle-changed", {"head_in_use": None, "left": version})
        return (
            f"the bundle's head has another size; the samples carry over, version {version} stays in the history, "
            "and the bundle's initial head is in use"
        )


def create(database: Database, owner: Owner, key_check: bytes | None) -> None:
    """Write the row of a new store."""
    database.execute(_CREATE, (*owner.columns, key_check))


def bundle_row(database: Database) -> Row:
    """Return the row.

    Raises:
        BadInput: there is none.
    """
    for row in database.records("SELECT * FROM bundle"):
        return row
    raise BadInput(f"{database.path} is not a personal store: it does not say to which bundle it belongs")
