"""What a store keeps about one labelled sample besides its feature, as bytes."""

from __future__ import annotations

import math
import re
import struct
from typing import Literal, NamedTuple

from pen_mobile.errors import BadInput

Format = Literal["float32", "float16"]

FORMATS: tuple[Format, ...] = ("float32", "float16")
DTYPES = {"float32": "<f4", "float16": "<f2"}
_LARGEST = 3.4028234663852886e38  # of float32
_HEAD = struct.Struct("<ddfBBH")  # captured_at, aged_from, weight, format, K, length of origin
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")


class SampleRecord(NamedTuple):
    """One labelled sample without its feature.

    Attributes:
        captured_at: capture time, Unix seconds.
        aged_from: time from which the sample ages, Unix seconds: the capture time, unless the clock was wrong then.
        weight: above 0.
        feature_format: number format of the feature.
        labels: K of them, in the order of the store's targets.
        origin: of the labels.
    """

    captured_at: float
    aged_from: float
    weight: float
    feature_format: Format
    labels: tuple[float, ...]
    origin: str

    def to_bytes(self) -> bytes:
        """Return the record: fixed fields, labels as float32, origin as UTF-8; all little-endian."""
        origin = self.origin.encode()
        kind, count = FORMATS.index(self.feature_format), len(self.labels)
        head = _HEAD.pack(self.captured_at, self.aged_from, self.weight, kind, count, len(origin))
        return head + struct.pack(f"<{count}f", *self.labels) + origin

    @property
    def is_sane(self) -> bool:
        """Whether every number is one that a store accepts."""
        numbers = (self.captured_at, self.aged_from, self.weight, *self.labels)
        return (
            all(math.isfinite(number) for number in numbers)
            and 0 < self.weight <= _LARGEST
            and self.captured_at >= 0
            and all(abs(label) <= 1 for label in self.labels)
            and is_origin(self.origin)
        )


def is_origin(text: str) -> bool:
    """Return whether a text names an origin: up to 64 letters, digits, blanks, '_', '.' and '-'."""
    return _ORIGIN.fullmatch(text) is not None


def format_of(name: str) -> Format:
    """Return the number format of this name.

    Raises:
        ValueError: there is none.
    """
    return FORMATS[FORMATS.index(name)]


def record_from_bytes(blob: bytes, targets: int) -> SampleRecord | None:
    """Return the record in some bytes, or None when they hold none.

    Args:
        blob: what :meth:`SampleRecord.to_bytes` wrote.
        targets: K, the number of labels.
    """
    try:
        captured_at, aged_from, weight, kind, count, length = _HEAD.unpack_from(blob)
        labels = struct.unpack_from(f"<{count}f", blob, _HEAD.size)
        origin = blob[_HEAD.size + 4 * count :].decode()
        record = SampleRecord(captured_at, aged_from, weight, FORMATS[kind], labels, origin)
    except (struct.error, IndexError, UnicodeDecodeError):
        return None
    return record if len(origin.encode()) == length and count == targets and record.is_sane else None


def check_origin(origin: str) -> None:
    """Check the name of an origin.

    Raises:
        BadInput: it has other characters, or is too long.
    """
    if not is_origin(origin):
        raise BadInput(f"origin {origin!r:.80} is no name; use up to 64 letters, digits, blanks, '_', '.' and '-'")
