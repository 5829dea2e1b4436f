"""Stores of older releases, brought to the present schema in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.bundle_binding import BundleBinding, check_binding, other_samples
from pen_mobile.phone.store.clock import ClockState, finite_reading
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import AesGcm, KeyRequired, NoKey, Plaintext, matching_cipher
from pen_mobile.phone.store.event_log import EventLog
from pen_mobile.phone.store.head_record import HeadRecord, Status
from pen_mobile.phone.store.head_versions import HeadVersions
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.rows import Rows
from pen_mobile.phone.store.sample_record import DTYPES, SampleRecord, is_origin
from pen_mobile.phone.store.samples import SampleTable
from pen_mobile.phone.store.schema import SCHEMA_VERSION, check_schema, present_schema
from pen_mobile.targets import DEFAULT_TARGETS
from pen_mobile.types import Floats
from pen_mobile.utils.strict_json import parse_strictly

_TABLES = {
    1: ("head_state", "sample", "bundle"),
    2: ("event", "head_state", "sample", "bundle"),
    3: ("unfinished", "event", "head_state", "sample", "bundle"),
}
_INDEXES = ("sample_by_time", "one_active_state")


def migrate(database: Database, binding: BundleBinding | None, options: StoreOptions) -> Rows:
    """Bring a store to the present schema; no label and no head is lost, and a crash leaves it as it was.

    An interrupted adaptation is not kept: the next one begins anew.

    Args:
        database: a store of an older release, whose schema was checked.
        binding: the bundle of the store; None takes any.
        options: key, clock, and what to do with a store of another backbone.

    Returns:
        The tables of the store.

    Raises:
        BadInput: of another backbone, damaged, or another key; nothing was changed.
    """
    row = database.records("SELECT * FROM bundle")
    if not row:
        raise BadInput(f"{database.path} is not a personal store: it does not say to which bundle it belongs")
    if binding is not None and options.on_other_backbone == "refuse" and not binding.understands(row[0]):
        raise other_samples(database.path, row[0], binding)
    cipher = matching_cipher(options.key, row[0].get("key_check"), database.path)
    if isinstance(cipher, NoKey):
        raise KeyRequired(f"{database.path} is encrypted, and of an older release; give its key (--key-file)")
    assert isinstance(cipher, (Plaintext, AesGcm))
    database.check_integrity()
    rows = Rows(database, cipher)
    with database.transaction():
        version = check_schema(database)  # another process may have been faster
        if version != SCHEMA_VERSION:
            _move(rows, _OldStore(database, version, None if isinstance(cipher, Plaintext) else cipher), options)
    return rows


def _move(rows: Rows, old: _OldStore, options: StoreOptions) -> None:
    clock = partial(finite_reading, options.clock)
    binding = old.binding()
    old.step_aside()
    rows.database.run_script(present_schema())
    rows.create(binding.columns, ClockState(clock()))
    rows.binding["generation"] = old.generation
    check_binding(rows.database.path, rows.binding)
    samples, heads = SampleTable(rows), HeadVersions(rows, clock)
    for z, record in old.samples():
        samples.write(z, record)
    for head, parameters in old.heads():
        heads.insert(head, parameters)
    events = EventLog(rows, options.retention.events, clock)
    for event in old.events():
        events.append(*event)
    events.note("migrated", {"from": old.version, "to": SCHEMA_VERSION, "damaged_heads": old.damaged_heads})
    rows.save()
    old.drop()


@dataclass
class _OldStore:
    """The tables of an older release, inside the transaction that moves them."""

    database: Database
    version: int
    cipher: AesGcm | None

    def __post_init__(self) -> None:
        (self._row,) = self.database.records("SELECT * FROM bundle")
        self.damaged_heads: list[int] = []

    @property
    def generation(self) -> int:
        """Return the generation that the present release goes on from."""
        generation = self._row.get("generation", 1)
        return generation if isinstance(generation, int) and generation > 0 else 1

    def binding(self) -> BundleBinding:
        row = self._row
        return BundleBinding(
            row["backbone"], row["feature_size"], row.get("head_bytes"), row.get("head"), targets=DEFAULT_TARGETS
        )

    def step_aside(self) -> None:
        for index in _INDEXES:
            self.database.execute(f"DROP INDEX {index}")
        for table in _TABLES[self.version]:
            self.database.execute(f"ALTER TABLE {table} RENAME TO old_{table}")

    def drop(self) -> None:
        for table in _TABLES[self.version]:
            self.database.execute(f"DROP TABLE old_{table}")

    def samples(self) -> Iterator[tuple[Floats, SampleRecord]]:
        for row in self.database.records("SELECT * FROM old_sample ORDER BY id"):
            kind = row.get("format", "float32")
            blob = self._blob(row["feature"], f"sample {row['sha256']}", f"sample {row['id']}")
            if kind == "float32" and self._digest(blob) != row["sha256"]:
                raise self._damaged(f"sample {row['id']}")
            origin = str(row.get("origin", "owner"))
            labels = tuple(float(np.float32(row[name])) for name in DEFAULT_TARGETS)
            when = float(row["captured_at"])
            record = SampleRecord(when, when, row["weight"], kind, labels, _present_origin(origin))
            z = np.frombuffer(blob, DTYPES[kind]).astype(np.float32) if len(blob) % 4 == 0 else np.empty(0, np.float32)
            if z.shape != (self._row["feature_size"],) or not np.isfinite(z).all() or not record.is_sane:
                raise self._damaged(f"sample {row['id']}")
            yield z, record

    def heads(self) -> Iterator[tuple[HeadRecord, bytes | None]]:
        for row in self.database.records("SELECT * FROM old_head_state ORDER BY version"):
            parameters = self._parameters(row)
            status: Status = "superseded" if row["blob"] is not None and parameters is None else row["status"]
            metrics = self._json(row["report" if self.version == 1 else "metrics"], f"head state {row['version']}")
            strategy = row.get("optimizer" if self.version == 2 else "strategy")
            size = None if parameters is None else len(parameters)
            head = HeadRecord(row["version"], row["parent"], status, strategy, metrics, float(row["created_at"]), size)
            yield head, parameters

    def events(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        if self.version > 1:
            for row in self.database.records("SELECT * FROM old_event ORDER BY id"):
                yield float(row["at"]), row["kind"], self._json(row["detail"], f"event {row['id']}")

    def _parameters(self, row: dict[str, Any]) -> bytes | None:
        """Return the parameters, without an optimizer's slots where their size is known; None when they are damaged."""
        stored = row["blob"]
        if stored is None:
            return None
        if hashlib.sha256(stored).hexdigest() != row["sha256"]:
            self.damaged_heads.append(row["version"])
            return None
        blob = self._blob(stored, f"head state {row['version']}", f"head state {row['version']}")
        size = self._row.get("head_bytes")
        return blob[:size] if row.get("with_slots") and size is not None else blob

    def _blob(self, stored: bytes, place: str, name: str) -> bytes:
        blob = stored if self.cipher is None else self.cipher.open(stored, place.encode())
        if blob is None:
            raise self._damaged(name)
        return blob

    def _digest(self, blob: bytes) -> str:
        return hashlib.sha256(blob).hexdigest() if self.cipher is None else self.cipher.digest(blob)

    def _json(self, text: str, name: str) -> dict[str, Any]:
        try:
            value = parse_strictly(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self._damaged(name)
        return value

    def _damaged(self, name: str) -> BadInput:
        return BadInput(f"{self.database.path}: {name} is damaged; nothing was changed")


def _present_origin(origin: str) -> str:
    return "user" if origin == "owner" else origin if is_origin(origin) else "other"
