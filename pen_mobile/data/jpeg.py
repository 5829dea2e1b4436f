"""JPEG files without their end, as some cameras and cut downloads leave them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np

from pen_mobile.types import Image

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _PROGRESSIVE = 0xDA, 0xC2
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FILLING = (b"", b"\x55" * 16)


def decode_without_end(encoded: bytes, decode: Callable[[bytes], Image | None]) -> Image | None:
    """Return the image of a JPEG that lacks its end marker, or None when pixels are missing, too, or it is no JPEG.

    No pixel is missing when every component of a progressive JPEG has had its last scan, and the image does not
    depend on what follows the last byte, because the decoder has read all that it needs before.

    Args:
        encoded: bytes of the file, whatever they are.
        decode: returns the image of a whole file, None when it cannot be decoded.
    """
    if not encoded.startswith(_START) or not _has_all_scans(encoded):
        return None
    one, other = (decode(encoded.removesuffix(b"\xff") + filling + _END) for filling in _FILLING)
    return one if one is not None and other is not None and np.array_equal(one, other) else None


def _has_all_scans(encoded: bytes) -> bool:
    """Tell whether each component's highest coefficients came at full precision (ITU-T T.81, G.1.1.1)."""
    progressive, components, complete = False, 0, set()
    for marker, payload in _segments(encoded):
        if marker == _PROGRESSIVE and len(payload) > 5:
            progressive, components = True, payload[5]
        elif marker == _SCAN and payload and len(payload) >= 4 + 2 * payload[0]:
            count = payload[0]
            last_coefficient, precision = payload[2 + 2 * count], payload[3 + 2 * count] & 15
            if last_coefficient == 63 and precision == 0:
                complete |= {payload[1 + 2 * place] for place in range(count)}
    return not progressive or len(complete) == components


def _segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield every marker with its parameters; the compressed data between scans are passed over."""
    place = 2
    while (place := encoded.find(b"\xff", place)) >= 0 and place + 4 <= len(encoded):
        marker = encoded[place + 1]
        if marker in (0x00, 0xFF) or marker in _WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", encoded[place + 2 : place + 4])
        yield marker, encoded[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)
