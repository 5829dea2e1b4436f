"""The bound of memory that no spoiled bundle or store may make a process pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pen_mobile.utils.processor import peak_memory

MAX_BYTES = 2_000_000_000


@contextmanager
def bounded_memory(what: object) -> Iterator[None]:
    """Fail when the block makes this process larger than it ever was and than the bound.

    Args:
        what: is tried, for the message.
    """
    before = peak_memory()
    yield
    check_memory(peak_memory(), what, before)


def check_memory(largest: int, what: object, before: int = 0) -> None:
    """Fail when a process was larger than the bound, and larger than before.

    Args:
        largest: resident memory that it had, bytes.
        what: is tried, for the message.
        before: the largest that it had had before, bytes.
    """
    assert largest < max(before + (1 << 20), MAX_BYTES), f"{what}: {largest / 1e6:,.0f} MB"
