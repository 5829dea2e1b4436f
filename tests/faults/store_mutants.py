"""Stores that somebody changed: bytes, rows, objects of the schema. Each is one line, or gives the right answers."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.store import Store
from pen_mobile.utils.processor import peak_memory
from tests.faults.diary import SIZE, Clock, open_store, state_blob
from tests.faults.memory_bound import bounded_memory
from tests.faults.mutants import mutated_bytes
from tests.faults.trials import Trials

LONGEST_S = 30.0
_VALUES: list[Any] = [
    *(None, 0, 1, -1, 2, 1 << 40, 1 << 62, -(1 << 63), 0.5, -0.0, 1e300, float("inf"), "", "0", "active", "rejected"),
    *("a\nb\x1b[2J", "x" * 5_000, "[" * 2_000, '["valence"]', '{"a": NaN}', b"", b"\0", b"\0" * 40, b"\xff" * 300),
    *("\u202e", "[]", "null", "a" * 32, "a" * 64, bytes(64), b"{}", bytes(16)),
]
_COLUMNS = {
    "bundle_binding": (
        *("store_id", "key_check", "backbone", "feature_size", "targets", "head_bytes", "head", "model", "serial"),
        *("generation", "deleting", "state"),
    ),
    "sample": ("id", "moment", "record", "feature"),
    "head_version": ("version", "parent", "status", "record", "parameters"),
    "checkpoint": ("only", "record", "content"),
    "event": ("id", "record"),
    "piece": ("kind", "row_id", "number", "content"),
}
_OBJECTS = [
    "CREATE TRIGGER t{n} AFTER INSERT ON {table} BEGIN DELETE FROM event; END",
    "CREATE TRIGGER t{n} BEFORE UPDATE ON {table} BEGIN SELECT raise(ABORT, 'no'); END",
    "CREATE VIEW v{n} AS SELECT * FROM {table}",
    "CREATE TABLE m{n} (x)",
    "CREATE TEMP TABLE m{n} (x)",
    "CREATE INDEX i{n} ON {table} ({column})",
    "CREATE UNIQUE INDEX i{n} ON {table} ({column})",
    "DROP TABLE {table}",
    "DROP INDEX one_active_version",
    "ALTER TABLE {table} RENAME TO m{n}",
    "ALTER TABLE {table} RENAME COLUMN {column} TO c{n}",
    "ALTER TABLE {table} ADD COLUMN c{n} DEFAULT (zeroblob(100))",
    "PRAGMA user_version = {n}",
    "UPDATE sqlite_master SET sql = replace(sql, 'BLOB', 'TEXT') WHERE name = '{table}'",
    "UPDATE sqlite_master SET rootpage = {n} WHERE name = '{table}'",
    "UPDATE sqlite_master SET type = 'view' WHERE name = '{table}'",
    "UPDATE sqlite_master SET name = 'x' WHERE name = '{table}'",
    "DELETE FROM sqlite_master WHERE name = '{table}'",
    "INSERT INTO sqlite_master SELECT * FROM sqlite_master WHERE name = '{table}'",
]


def mutate_stores(folder: Path, count: int, seed: int = 0) -> Trials:
    """Change a store in one way after another, and ask it everything.

    Args:
        folder: for the stores.
        count: of stores, half of them encrypted; a third of each with other bytes, rows and objects.
        seed: of the choices.
    """
    rng, seen = random.Random(seed), Counter[str]()
    ways: list[Callable[[Path, random.Random], None]] = [_change_bytes, _change_rows, _change_objects]
    for name in ("plain.sqlite", "sealed.sqlite"):
        with mock.patch("os.urandom", random.Random(seed).randbytes):  # the same stores each time
            right = make_store(folder / name)
        content = (folder / name).read_bytes()
        for trial in range(count // 2):
            copy = folder / f"{trial}-{name}"
            copy.write_bytes(content)
            ways[trial % 3](copy, rng)
            seen[_outcome(copy, right)] += 1
            for file in folder.glob(f"{copy.name}*"):
                file.unlink()
    detail = ", ".join(f"{number:,} {outcome}" for outcome, number in seen.most_common())
    return Trials(
        seen.total(), f"{detail}; half of the stores were encrypted; memory at most {peak_memory() / 1e6:,.0f} MB"
    )


def make_store(path: Path) -> dict[str, Any]:
    """Write a store with something in every table; return its content."""
    clock = Clock()
    with open_store(path, clock) as store:
        rng = np.random.default_rng(0)
        store.add(rng.standard_normal((30, SIZE), np.float32), rng.uniform(-1, 1, (30, 2)).astype(np.float32))
        for n in range(4):
            store.accept(state_blob(n), {"reason": f"better {n}"}, started_from=store.heads.active())
        store.accept(bytes(range(256)) * 5_000, {}, started_from=store.heads.active())
        store.rollback()
        store.checkpoints().save(Checkpoint("inputs", {"n": 1}, state_blob(9)))
        return content_of(store)


def content_of(store: Store) -> dict[str, Any]:
    """Return everything that a store tells."""
    samples = store.samples()
    return {
        "samples": [values.tobytes() for values in vars(samples).values()],
        "records": sorted(record for _, record in store.sample_table.in_order()),
        "heads": store.heads.history(),
        "parameters": [store.heads.parameters(head.version) for head in store.heads.records() if head.size],
        "active": store.active_parameters(),
        "events": store.events.entries(),
        "checkpoint": store.checkpoints().read(),
    }


def _outcome(path: Path, right: dict[str, Any]) -> str:
    started, refusal = time.monotonic(), ""
    found: dict[str, Any] | None
    try:
        with bounded_memory(path), open_store(path, Clock()) as store:
            found = content_of(store)
    except BadInput as error:
        found, refusal = None, str(error)
    assert found == right or refusal, path
    assert "\n" not in refusal, refusal
    assert refusal.isprintable(), refusal
    assert time.monotonic() - started < LONGEST_S, path
    return "refused in one line" if refusal else "gave the right answers"


def _change_bytes(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    for _ in range(rng.choice([1, 1, 1, 3])):
        content = mutated_bytes(content, rng) or b"\0"
    path.write_bytes(content)


def _change_rows(path: Path, rng: random.Random) -> None:
    table = rng.choice([*_COLUMNS, "sample", "head_version", "bundle_binding"])
    column, other = rng.choice(_COLUMNS[table]), rng.choice(_COLUMNS[table])
    somewhere = f"rowid = (SELECT rowid FROM {table} ORDER BY abs(rowid * {rng.randrange(1, 999)} % 101) LIMIT 1)"
    value = rng.choice(_VALUES)
    ways: list[tuple[str, list[Any]]] = [
        (f"UPDATE {table} SET {column} = ? WHERE {somewhere}", [value]),
        (f"UPDATE {table} SET {column} = ?", [value]),
        (f"UPDATE {table} SET {column} = {other} WHERE {somewhere}", []),
        (f"UPDATE {table} SET {column} = CAST(substr({column}, 2) || x'00' AS BLOB) WHERE {somewhere}", []),
        (f"UPDATE {table} SET {column} = {column} + 1 WHERE {somewhere}", []),
        (f"DELETE FROM {table} WHERE {somewhere}", []),
        (f"DELETE FROM {table}", []),
        (f"INSERT INTO {table} VALUES ({', '.join('?' * len(_COLUMNS[table]))})", [value] * len(_COLUMNS[table])),
    ]
    _run(path, *rng.choice(ways))


def _change_objects(path: Path, rng: random.Random) -> None:
    table = rng.choice(list(_COLUMNS))
    column = rng.choice(_COLUMNS[table])
    _run(path, rng.choice(_OBJECTS).format(n=rng.randrange(30), table=table, column=column), [])


def _run(path: Path, sql: str, values: list[Any]) -> None:
    """Run a statement without any check; one that SQLite refuses changes nothing."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA writable_schema = ON")
        db.execute(sql, values)
    except (sqlite3.Error, OverflowError):
        pass
    finally:
        db.close()
