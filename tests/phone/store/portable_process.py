"""Write or read a store in a process of its own, whose SQLite may be another one:

python -m tests.phone.store.portable_process write|read STORE [KEY]
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, accept, blob

NOW = 2000.0


def write(path: Path, key: bytes | None) -> None:
    """Do everything that a phone does: add, label again, adapt, go back, delete by age, and leave it readable."""
    with Store(path, BINDING, StoreOptions(key=key, clock=lambda: NOW)) as store:
        z = np.arange(24, dtype=np.float32).reshape(3, 8)
        store.add(z, np.zeros((3, 2), np.float32), captured_at=[NOW - 2, NOW - 1, NOW])
        store.add(z[:1], np.full((1, 2), 0.5, np.float32), captured_at=NOW - 3)
        accept(store, blob(1), {"reason": "better"})
        accept(store, blob(2), {"reason": "better still"})
        store.reject({"reason": "worse"}, started_from=store.heads.active())
        store.rollback()
        store.sample_table.delete([3])


def read(path: Path, key: bytes | None) -> dict[str, Any]:
    with Store(path, BINDING, StoreOptions(key=key, clock=lambda: NOW)) as store:
        found = store.samples()
        heads = store.heads.history()
        active = store.active_parameters()[1]
        return {
            "samples": [
                {"captured_at": float(when), "labels": labels.tolist(), "feature": z.tobytes().hex()}
                for when, labels, z in zip(found.captured_at, found.labels, found.features, strict=True)
            ],
            "heads": [(head["version"], head["status"], head["reason"]) for head in heads],
            "active": None if active is None else active.hex(),
            "events": [event["kind"] for event in store.events.entries()],
        }


def main() -> None:
    task, path, *key = sys.argv[1:]
    chosen = bytes.fromhex(key[0]) if key else None
    result = {} if task == "write" else read(Path(path), chosen)
    if task == "write":
        write(Path(path), chosen)
    print(json.dumps({"version": sqlite3.sqlite_version} | result))


if __name__ == "__main__":
    main()
