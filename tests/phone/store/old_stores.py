"""Stores as older releases wrote them, byte for byte."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np

from pen_mobile.phone.store.encryption import AesGcm
from pen_mobile.phone.store.schema import schema_of
from tests.phone.store.helpers import blob, samples

BACKBONE = "b" * 64


def with_slots(version: int) -> bytes:
    """Return what a release before version 3 kept: parameters, then Adadelta's two slots."""
    return blob(version) + blob(100) + blob(101)


def write_version_1(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A store as the first release wrote it: 3 samples, one superseded head, one rejected, one active."""
    z, labels = samples(3)
    with sqlite3.connect(path) as db:
        db.executescript(schema_of(1))
        db.execute("INSERT INTO bundle VALUES (1, ?, 8, 1200)", (BACKBONE,))
        for row in range(3):
            digest = hashlib.sha256(z[row].tobytes()).hexdigest()
            values = (row + 1, z[row].tobytes(), digest, *map(float, labels[row]), 1.0, 100.0 + row)
            db.execute("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        for version, parent, status in ((1, None, "superseded"), (2, 1, "rejected"), (3, 1, "active")):
            stored = None if status == "rejected" else with_slots(version)
            digest = None if stored is None else hashlib.sha256(stored).hexdigest()
            report = json.dumps({"reason": f"reason {version}"})
            db.execute(
                "INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?)",
                (version, parent, status, stored, digest, report, 200.0 + version),
            )
    db.close()
    return z, labels


class _OldCipher:
    """Blobs as releases before version 4 stored them."""

    def __init__(self, key: bytes | None) -> None:
        self._cipher = None if key is None else AesGcm(key, Path("old"))

    def seal(self, content: bytes, place: str) -> bytes:
        return content if self._cipher is None else self._cipher.seal(content, place.encode())

    def digest(self, content: bytes) -> str:
        return hashlib.sha256(content).hexdigest() if self._cipher is None else self._cipher.digest(content)

    def key_check(self) -> bytes | None:
        return None if self._cipher is None else self._cipher.key_check()


def write_version_2(path: Path, key: bytes | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A store as the second release wrote it: 3 samples, one superseded head, one active, one event."""
    z, labels = samples(3)
    cipher = _OldCipher(key)
    with sqlite3.connect(path) as db:
        db.executescript(schema_of(2))
        db.execute("INSERT INTO bundle VALUES (1, ?, 8, 1200, ?)", (BACKBONE, cipher.key_check()))
        _write_samples(db, cipher, z, labels)
        for version, status in ((1, "superseded"), (2, "active")):
            stored = cipher.seal(with_slots(version), f"head state {version}")
            report, digest = json.dumps({"reason": f"reason {version}"}), hashlib.sha256(stored).hexdigest()
            values = (version, version - 1 or None, status, stored, digest, "adadelta", report, 200.0 + version)
            db.execute("INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.execute("INSERT INTO event VALUES (1, 300.0, 'exported', '{}')")
    db.close()
    return z, labels


def write_version_3(path: Path, key: bytes | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A store as the third release wrote it: 3 samples, a head with slots, an active one, a checkpoint, one event."""
    z, labels = samples(3)
    cipher = _OldCipher(key)
    with sqlite3.connect(path) as db:
        db.executescript(schema_of(3))
        values = (1, BACKBONE, 8, 400, None, 7, cipher.key_check())
        db.execute("INSERT INTO bundle VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        _write_samples(db, cipher, z, labels)
        for version, status, content, slots in ((1, "superseded", with_slots(1), 1), (2, "active", blob(2), 0)):
            stored = cipher.seal(content, f"head state {version}")
            report, digest = json.dumps({"reason": f"reason {version}"}), hashlib.sha256(stored).hexdigest()
            row = (version, version - 1 or None, status, stored, slots, digest, "adam", report, 200.0 + version)
            db.execute("INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        checkpoint = ("x", "{}", cipher.seal(b"half", "unfinished adaptation"))
        db.execute("INSERT INTO unfinished VALUES (1, ?, ?, ?)", checkpoint)
        db.execute("INSERT INTO event VALUES (1, 300.0, 'exported', '{}')")
    db.close()
    return z, labels


def _write_samples(db: sqlite3.Connection, cipher: _OldCipher, z: np.ndarray, labels: np.ndarray) -> None:
    for row in range(len(z)):
        digest = cipher.digest(z[row].tobytes())
        stored = cipher.seal(z[row].tobytes(), f"sample {digest}")
        values = (row + 1, stored, "float32", digest, *map(float, labels[row]), 1.0, 100.0 + row, "owner")
        db.execute("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
