"""Units of H.264 and HEVC, written by hand: a picture never holds two zeros and a byte below 3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_mobile.data.readers.nal_units import UnitFormat

AVC = bytes([1, 100, 0, 30, 0xFF]) + bytes(20)
HEVC = bytes([1, *range(20), 0xFF, *range(10)])
SLICE, MESSAGE = b"\x65", b"\x06"  # types 5 and 6 of H.264


def packet(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("codec", "configuration", "length_bytes"),
    [
        ("h264", AVC, 4),
        ("h264", AVC[:4] + b"\xfd" + AVC[5:], 2),
        ("hevc", HEVC, 4),
        ("h264", b"\0\0\1gd", 0),
        ("h264", None, 0),
        ("h264", b"", 0),
        ("hevc", HEVC[:10], 0),
        ("vp9", AVC, 0),
    ],
)
def test_the_configuration_says_how_lengths_are_written(codec: str, configuration: bytes, length_bytes: int) -> None:
    assert UnitFormat.of(codec, configuration).length_bytes == length_bytes


@pytest.mark.parametrize(
    ("content", "legal"),
    [
        (packet(SLICE + b"picture"), True),
        (packet(SLICE + b"a\0\0\3\0b"), True),
        (packet(SLICE + b"picture\0\0\0\0"), True),  # zeros may follow a unit
        (packet(MESSAGE + b"a\0\0\0b", SLICE + b"picture"), True),  # not a picture
        (packet(SLICE + b"a\0\0\0b"), False),
        (packet(SLICE + b"a\0\0\1b"), False),
        (packet(SLICE + b"a\0\0\2b"), False),
        (packet(MESSAGE + b"x", SLICE + b"a\0\0\0b"), False),
        (packet(SLICE + b"picture")[:-1], False),
        (packet(SLICE + b"picture") + b"\0", False),
        (b"", True),
    ],
)
def test_pictures_of_h264(content: bytes, legal: bool) -> None:
    assert UnitFormat("h264", 4).is_legal(content) is legal
    assert UnitFormat("h264", 0).is_legal(content)


def test_pictures_of_hevc_are_known_by_their_own_types() -> None:
    """Type 1 is a picture, type 39 a message: the type is in bits 1 to 6."""
    assert not UnitFormat("hevc", 4).is_legal(packet(bytes([1 << 1, 1]) + b"a\0\0\0b"))
    assert UnitFormat("hevc", 4).is_legal(packet(bytes([39 << 1, 1]) + b"a\0\0\0b"))


@given(units=st.lists(st.binary(max_size=40), max_size=4))
def test_an_encoder_that_follows_the_rule_is_legal(units: list[bytes]) -> None:
    """The rule as encoders apply it: a 3 after two zeros wherever a byte below 4 would follow, and at the end."""

    def escaped(unit: bytes) -> bytes:
        out, zeros = bytearray(), 0
        for byte in unit:
            if zeros == 2 and byte < 4:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)

    assert UnitFormat("h264", 4).is_legal(packet(*(escaped(SLICE + unit) for unit in units)))
