"""Labelled samples in a store: features as blobs, each known by its digest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.blobs import Blobs
from pen_mobile.phone.store.bundle_binding import targets_of
from pen_mobile.phone.store.rows import Rows
from pen_mobile.phone.store.sample_record import DTYPES, Format, SampleRecord, record_from_bytes
from pen_mobile.types import Doubles, Floats

_INSERT = "INSERT INTO sample (id, moment, record, feature) VALUES (?, ?, ?, ?)"
_UPDATE = "UPDATE sample SET record = ? WHERE id = ?"
_FIND = "SELECT id, record FROM sample WHERE moment = ?"


@dataclass(frozen=True)
class Samples:
    """Labelled samples, oldest first.

    Attributes:
        features: ``[N, D_z]``.
        labels: ``[N, K]``, in the order of the targets.
        weight: ``[N]``.
        captured_at: capture times, Unix seconds, ``[N]``.
    """

    features: Floats
    labels: Floats
    weight: Floats
    captured_at: Doubles


class SampleTable:
    """The samples of one store.

    The records, which are short, are kept in memory until another process changes the file.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._blobs = Blobs(rows, "feature")
        self._records: dict[int, SampleRecord] = {}
        self._read_at: tuple[object, ...] | None = None

    def write(self, z: Floats, record: SampleRecord) -> None:
        """Write one sample, or its new record when its feature is there already.

        Args:
            z: feature, ``[D_z]``.
            record: labels, times, weight and number format.

        Raises:
            BadInput: the feature does not fit its number format.
        """
        with self._rows.writing():
            records = self.records()
            blob = z.astype("<f4").tobytes()
            moment = self._rows.cipher.digest(self._rows.binding["store_id"].encode() + blob)
            found = self._rows.database.row(_FIND, (moment,))
            if found is None:
                row = self._rows.database.number("SELECT coalesce(max(id), 0) + 1 FROM sample")
                packed = _packed(z, record.feature_format)
                old: tuple[bytes, ...] = ()
                sealed = self._rows.seal(record.to_bytes(), "sample", row, moment)
                first = self._blobs.write(row, (row, moment), packed)
                self._rows.database.execute(_INSERT, (row, moment, sealed, first))
            else:
                row, old = found[0], (found[1],)
                record = record._replace(feature_format=records[row].feature_format)
                sealed = self._rows.seal(record.to_bytes(), "sample", row, moment)
                self._rows.database.execute(_UPDATE, (sealed, row))
            self._rows.record_change("sample", row, sealed, *old)
            records[row] = record

    def records(self) -> dict[int, SampleRecord]:
        """Return the record of every sample by its row.

        Raises:
            BadInput: a record is not what was written.
        """
        with self._rows.reading():
            version = self._rows.database.data_version(), self._rows.binding["store_id"], self._rows.rollbacks
            if self._read_at != version:
                self._records = self._read_records()
                self._read_at = version
            return self._records

    def in_order(self) -> list[tuple[int, SampleRecord]]:
        """Return rows and records, oldest capture first."""
        return sorted(self.records().items(), key=lambda item: (item[1].captured_at, item[0]))

    def read(self) -> Samples:
        """Return all samples.

        Raises:
            BadInput: a record or a feature is not what was written.
        """
        with self._rows.reading():
            found = self.in_order()
            labels = np.array([record.labels for _, record in found], np.float32)
            return Samples(
                self._features(found),
                labels.reshape(len(found), len(targets_of(self._rows.binding))),
                np.array([record.weight for _, record in found], np.float32),
                np.array([record.captured_at for _, record in found], np.float64),
            )

    def delete(self, rows: Iterable[int]) -> None:
        """Delete samples.

        Args:
            rows: their ids.
        """
        with self._rows.writing():
            records = self.records()
            for row in list(rows):
                (record,) = self._rows.database.rows("SELECT record FROM sample WHERE id = ?", (row,))[0]
                self._rows.record_change("sample", row, record)
                self._rows.database.execute("DELETE FROM sample WHERE id = ?", (row,))
                self._blobs.delete([row])
                del records[row]

    def _read_records(self) -> dict[int, SampleRecord]:
        count = len(targets_of(self._rows.binding))
        found = self._rows.database.rows("SELECT id, moment, record FROM sample")
        return {row: self._record(row, moment, stored, count) for row, moment, stored in found}

    def _record(self, row: int, moment: str, stored: bytes, targets: int) -> SampleRecord:
        record = record_from_bytes(self._rows.open(stored, "sample", row, moment), targets)
        if record is None:
            raise self._rows.damaged("sample", row)
        return record

    def _features(self, found: list[tuple[int, SampleRecord]]) -> Floats:
        size = self._rows.binding["feature_size"]
        place = {row: at for at, (row, _) in enumerate(found)}
        features = np.empty((len(found), size), np.float32)
        for row, moment, first in self._rows.database.execute("SELECT id, moment, feature FROM sample"):
            at = place[row]
            dtype = np.dtype(DTYPES[found[at][1].feature_format])
            blob = self._blobs.read(row, (row, moment), first, size * dtype.itemsize)
            features[at] = np.frombuffer(blob, dtype)
        return features


def why_refuse(features: Any, labels: Any, weight: float, feature_size: int, targets: tuple[str, ...]) -> str | None:
    """Return why samples cannot be kept, or None when they can.

    Args:
        features: ``[N, D_z]``.
        labels: ``[N, K]``.
        weight: of each sample.
        feature_size: D_z of the store.
        targets: K names.
    """
    if len(features) != len(labels):
        return f"{len(features)} samples but {len(labels)} labels; give one label for each"
    if len(features) and features.shape[1:] != (feature_size,):
        return f"features are {list(features.shape)}, this store takes [N, {feature_size}]"
    if len(labels) and labels.shape[1:] != (len(targets),):
        return f"labels are {list(labels.shape)}, this store takes [N, {len(targets)}]: {', '.join(targets)}"
    if not (weight > 0 and np.isfinite(np.float32(weight))):
        return f"weight is {weight}; it must be above 0"
    for row in np.flatnonzero(~(np.abs(labels) <= 1).all(axis=1))[:1]:
        return f"label {row + 1} is {labels[row].tolist()}; {' and '.join(targets)} must lie in [-1, 1]"
    for row in np.flatnonzero(~np.isfinite(features).all(axis=1))[:1]:
        return f"sample {row + 1}: its feature holds NaN or infinity"
    return None


def _packed(z: Floats, feature_format: Format) -> bytes:
    with np.errstate(over="ignore"):
        values = z.astype(DTYPES[feature_format])
    if not np.isfinite(values).all():
        raise BadInput(f"a feature of {float(np.abs(z).max()):g} does not fit {feature_format}; keep float32")
    return values.tobytes()
