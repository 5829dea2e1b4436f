"""Labelled samples in a store: features as blobs, each known by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.database import Database
from pen_mobile.phone.store.encryption import Cipher
from pen_mobile.types import Floats

Format = Literal["float32", "float16"]

_DTYPES = {"float32": "<f4", "float16": "<f2"}
_KEEP = """
    INSERT INTO sample (feature, format, sha256, valence, arousal, weight, captured_at, origin)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET
        valence = excluded.valence, arousal = excluded.arousal, weight = excluded.weight,
        captured_at = excluded.captured_at, origin = excluded.origin
"""


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
    captured_at: NDArray[np.float64]


class SampleTable:
    """The samples of one store; writing belongs inside a transaction of the caller."""

    def __init__(self, path: Path, database: Database, cipher: Cipher) -> None:
        self._path, self._db, self._cipher = path, database, cipher

    @property
    def feature_size(self) -> int:
        """D_z of the bundle that the store belongs to."""
        return self._db.number("SELECT feature_size FROM bundle")

    def why_refuse(self, features: Floats, labels: Floats, weight: float) -> str | None:
        """Return why features ``[N, D_z]`` with labels ``[N, 2]`` cannot be kept; None when they can."""
        if len(features) != len(labels):
            return f"{len(features)} samples but {len(labels)} labels; give one label for each"
        if len(features) and features.shape[1:] != (self.feature_size,):
            return f"features are {list(features.shape)}, this store takes [N, {self.feature_size}]"
        if not (weight > 0 and np.isfinite(weight)):
            return f"weight is {weight}; it must be above 0"
        for row in np.flatnonzero(~(np.abs(labels) <= 1).all(axis=1))[:1]:
            return f"label {row + 1} is {labels[row].tolist()}; valence and arousal must lie in [-1, 1]"
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1))[:1]:
            return f"sample {row + 1}: its feature holds NaN or infinity"
        return None

    def keep(self, z: Floats, labels: Floats, feature_format: Format, weight: float, when: float, origin: str) -> None:
        """Write one sample, or its new label when it is there already: z ``[D_z]``, labels ``[2]``."""
        digest = self._cipher.digest(z.astype("<f4").tobytes())
        stored = self._cipher.seal(_packed(z, feature_format), _identity(digest))
        valence, arousal = map(float, labels)
        self._db.execute(_KEEP, (stored, feature_format, digest, valence, arousal, weight, when, origin))

    def read(self) -> Samples:
        """Return all samples; BadInput when a feature is not what was written."""
        rows = self._db.rows(
            "SELECT sha256, format, feature, valence, arousal, weight, captured_at FROM sample ORDER BY captured_at, id"
        )
        features = np.empty((len(rows), self.feature_size), np.float32)
        for row, (digest, feature_format, stored, *_) in enumerate(rows):
            features[row] = self._feature(digest, feature_format, stored, features.shape[1])
        numbers = np.array([row[3:] for row in rows], np.float64).reshape(-1, 4)
        labels, weight = numbers[:, :2].astype(np.float32), numbers[:, 2].astype(np.float32)
        return Samples(features, labels, weight, numbers[:, 3])

    def records(self) -> list[dict[str, Any]]:
        """Return everything about the samples but their features, in the order of :meth:`read`."""
        return self._db.records(
            "SELECT id, captured_at, valence, arousal, weight, origin, format FROM sample ORDER BY captured_at, id"
        )

    def _feature(self, digest: str, feature_format: str, stored: bytes, size: int) -> Floats:
        blob = self._cipher.open(stored, _identity(digest))
        values = np.frombuffer(blob, _DTYPES[feature_format])
        whole = feature_format != "float32" or self._cipher.digest(blob) == digest
        if len(values) != size or not whole:
            raise BadInput(f"{self._path}: the feature {digest[:8]} is damaged")
        return values.astype(np.float32)


def _packed(z: Floats, feature_format: Format) -> bytes:
    with np.errstate(over="ignore"):
        values = z.astype(_DTYPES[feature_format])
    if not np.isfinite(values).all():
        raise BadInput(f"a feature of {float(np.abs(z).max()):g} does not fit {feature_format}; keep float32")
    return values.tobytes()


def _identity(digest: str) -> bytes:
    return f"sample {digest}".encode()
