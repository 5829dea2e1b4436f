"""Freed memory goes back to the system, where the C library can give it back."""

from __future__ import annotations

import ctypes

import pytest

from pen_mobile.utils.memory_return import return_freed_memory


def test_where_the_c_library_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not return_freed_memory()


def test_the_c_library_is_asked_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Library:
        @staticmethod
        def malloc_trim(pad: ctypes.c_size_t) -> int:
            asked.append(pad.value)
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    assert return_freed_memory()
    assert asked == [0]
