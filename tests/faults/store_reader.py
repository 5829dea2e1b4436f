"""A personal store read with sqlite3, struct, json and AES-GCM alone, as ``export/BUNDLE.md`` describes it."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE = 1 << 20


class StoreReader:
    """One store, opened for reading; every blob is checked."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self._db = sqlite3.connect(path)
        self._db.row_factory = sqlite3.Row
        (self.binding,) = self._db.execute("SELECT * FROM bundle_binding").fetchall()
        self._key = key
        names = (
            "backbone",
            "feature_size",
            "targets",
            "head_bytes",
            "head",
            "model",
            "serial",
            "generation",
            "deleting",
        )
        self.state = json.loads(self._open(self.binding["state"], "state", *(self.binding[name] for name in names)))
        self.targets = json.loads(self.binding["targets"])
        self._check_rows()

    def close(self) -> None:
        self._db.close()

    def samples(self) -> list[dict[str, Any]]:
        """Return samples, oldest capture first."""
        found = [self._sample(row) for row in self._db.execute("SELECT * FROM sample")]
        return sorted(found, key=lambda sample: (sample["captured_at"], sample["id"]))

    def heads(self) -> list[dict[str, Any]]:
        found = []
        for row in self._db.execute("SELECT * FROM head_version ORDER BY version"):
            columns = {name: row[name] for name in ("version", "parent", "status")}
            record = json.loads(self._open(row["record"], "head_version", *columns.values()))
            kept = None
            if record["bytes"] is not None:
                place = ("parameters", row["version"])
                kept = self._long(row["parameters"], place, row["version"], record["bytes"])
            found.append(columns | record | {"parameters": kept})
        return found

    def events(self) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT * FROM event ORDER BY id")
        return [json.loads(self._open(row["record"], "event", row["id"])) for row in rows]

    def checkpoint(self) -> dict[str, Any] | None:
        for row in self._db.execute("SELECT * FROM checkpoint"):
            record: dict[str, Any] = json.loads(self._open(row["record"], "checkpoint"))
            return record | {"content": self._long(row["content"], ("content", record["content"]), 1, record["bytes"])}
        return None

    def _sample(self, row: sqlite3.Row) -> dict[str, Any]:
        record = self._open(row["record"], "sample", row["id"], row["moment"])
        captured_at, aged_from, weight, form, count, length = struct.unpack_from("<ddfBBH", record)
        assert len(record) == 24 + 4 * count + length
        size = self.binding["feature_size"] * (4, 2)[form]
        return {
            "id": row["id"],
            "captured_at": captured_at,
            "aged_from": aged_from,
            "weight": weight,
            "format": ("float32", "float16")[form],
            "labels": struct.unpack_from(f"<{count}f", record, 24),
            "origin": record[24 + 4 * count :].decode(),
            "feature": self._long(row["feature"], ("feature", row["id"], row["moment"]), row["id"], size),
        }

    def _long(self, first: bytes, place: tuple[object, ...], row: int, size: int) -> bytes:
        count = max(1, -(-size // PIECE))
        query = "SELECT content FROM piece WHERE kind = ? AND row_id = ? ORDER BY number"
        pieces = [first, *(content for (content,) in self._db.execute(query, (place[0], row)))]
        assert len(pieces) == count
        blob = b"".join(self._open(piece, *place, number, count) for number, piece in enumerate(pieces))
        assert len(blob) == size
        return blob

    def _open(self, stored: bytes, *place: object) -> bytes:
        shown = ("" if value is None else str(value) for value in place)
        name = "\n".join(("pen-mobile store 4", self.binding["store_id"], *shown)).encode()
        if self._key is not None:
            return AESGCM(self._key).decrypt(stored[:12], stored[12:], name)
        blob, tag = stored[:-16], stored[-16:]
        assert hashlib.sha256(name + b"\0" + blob).digest()[:16] == tag
        return blob

    def _row_hash(self, name: bytes) -> bytes:
        if self._key is None:
            return hashlib.sha256(name).digest()
        return hmac.digest(hmac.digest(self._key, b"pen-mobile rows", "sha256"), name, "sha256")

    def _check_rows(self) -> None:
        found = 0
        for table, column in (("sample", "id"), ("head_version", "version"), ("checkpoint", "only"), ("event", "id")):
            for row, record in self._db.execute(f"SELECT {column}, record FROM {table}"):
                found ^= int.from_bytes(self._row_hash(f"{table}\n{row}\n".encode() + record[-16:]), "big")
        assert f"{found:064x}" == self.state["rows"]
