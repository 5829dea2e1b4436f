"""The bundle of a store, and what changes when the bundle is another one than before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.event_log import EventLog
from pen_mobile.phone.store.head_versions import HeadVersions

Row = dict[str, Any]

_COLUMNS = ("backbone", "feature_size", "head_bytes", "head")
_CREATE = "INSERT INTO bundle (only, backbone, feature_size, head_bytes, head, key_check) VALUES (1, ?, ?, ?, ?, ?)"
_CHANGE = "UPDATE bundle SET backbone = ?, feature_size = ?, head_bytes = ?, head = ?"
_NEXT_GENERATION = "UPDATE bundle SET generation = generation + 1"


@dataclass(frozen=True)
class BundleBinding:
    """What a store notes of its bundle.

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

    def is_in(self, row: Row) -> bool:
        """Return whether a store belongs to this very bundle."""
        return self.columns == tuple(row[name] for name in _COLUMNS)

    @property
    def columns(self) -> tuple[str, int, int, str | None]:
        """What the store notes."""
        return self.backbone, self.feature_size, self.head_bytes, self.head


class BindingTable:
    """The one row that says which bundle a store belongs to."""

    def __init__(self, database: Database, heads: HeadVersions, events: EventLog) -> None:
        self._db, self._heads, self._events = database, heads, events

    def change_to(self, binding: BundleBinding) -> str | None:
        """Bind the store to another bundle, in one transaction; return what changed, for people.

        Samples and the head in use stay when the backbone is the same and the head has the same size. Of another
        backbone, samples and the bytes of all heads are deleted; what the heads measured stays.
        """
        if binding.is_in(bundle_row(self._db)):
            return None
        with self._db.transaction():
            row = bundle_row(self._db)
            if binding.is_in(row):
                return None  # another process was faster
            if not binding.understands(row):
                change: str | None = self._forget_features(row, binding)
            elif row["head_bytes"] is None or (row["head_bytes"], row["head"]) == (binding.head_bytes, binding.head):
                change = self._leave_unfit_head(binding)  # the same bundle, exported or noted in another way
            else:
                change = self._change_head(binding)
            self._db.execute(_CHANGE, binding.columns)
            return change

    def next_generation(self) -> None:
        """Start a new generation: a head that is being learned now is not accepted any more."""
        self._db.execute(_NEXT_GENERATION)

    def _forget_features(self, row: Row, binding: BundleBinding) -> str:
        count = self._db.number("SELECT count(*) FROM sample")
        self._db.execute("DELETE FROM sample")
        self._db.execute("DELETE FROM unfinished")
        self._heads.drop_parameters()
        self.next_generation()
        self._events.note("rebased", {"from": row["backbone"], "to": binding.backbone, "samples": count})
        return f"another backbone: {count} samples of the old one are deleted; the bundle's initial head is in use"

    def _change_head(self, binding: BundleBinding) -> str:
        left = self._leave_unfit_head(binding)
        version = self._heads.active().version
        self.next_generation()
        if left is None:
            self._events.note("bundle-changed", {"head_in_use": version})
        in_use = "the bundle's initial head" if version is None else f"version {version}, adapted from the old one,"
        return left or f"the bundle ships another head; the samples carry over, and {in_use} is in use"

    def _leave_unfit_head(self, binding: BundleBinding) -> str | None:
        version = self._heads.active().version
        if version is None or self._heads.fits(version, binding.head_bytes):
            return None
        self._heads.supersede()
        self._events.note("bundle-changed", {"head_in_use": None, "left": version})
        return (
            f"the bundle's head has another size; the samples carry over, version {version} stays in the history, "
            "and the bundle's initial head is in use"
        )


def other_backbone(path: Path, row: Row, binding: BundleBinding) -> BadInput:
    """Return the refusal of a store whose features mean nothing to a bundle."""
    return BadInput(
        f"{path} was made with another backbone ({row['backbone'][:12]}, {row['feature_size']} features; this "
        f"bundle's is {binding.backbone[:12]}, {binding.feature_size}), to which its features mean nothing; give "
        "another --store, or 'pen-mobile phone rebase' deletes them and keeps the history"
    )


def create(database: Database, binding: BundleBinding, key_check: bytes | None) -> None:
    """Write the row of a new store."""
    database.execute(_CREATE, (*binding.columns, key_check))


def bundle_row(database: Database) -> Row:
    """Return the row.

    Raises:
        BadInput: there is none.
    """
    for row in database.records("SELECT * FROM bundle"):
        return row
    raise BadInput(f"{database.path} is not a personal store: it does not say to which bundle it belongs")
