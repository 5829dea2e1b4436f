"""A buffer that is filled in place, whatever its pages are."""

from __future__ import annotations

import pytest

from pen_mobile.utils.large_buffer import large_buffer


@pytest.mark.parametrize("size", [0, 1, 4095, (1 << 22) - 1, 1 << 22, (1 << 22) + 5, 10_000_001])
def test_what_is_written_is_what_comes_back(size: int) -> None:
    buffer = large_buffer(size)
    assert buffer.getvalue() == bytes(size)
    with buffer.getbuffer() as view:
        view[: size // 2] = b"a" * (size // 2)
        view[size // 2 :] = b"b" * (size - size // 2)
    assert buffer.getvalue() == b"a" * (size // 2) + b"b" * (size - size // 2)
