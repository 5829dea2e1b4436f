"""Numbers, counts and sizes as text."""

from __future__ import annotations

import pytest

from pen_mobile.utils.text import counted, decimal, file_size, joined, signed


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.12345, 3, "0.123"), (-0.0004, 3, "0.000"), (-0.0, 2, "0.00"), (-0.5, 1, "-0.5"), (None, 3, "-"), (7, 0, "7")],
)
def test_decimal(value: float | None, digits: int, text: str) -> None:
    assert decimal(value, digits) == text


def test_signed_shows_no_sign_on_zero() -> None:
    assert [signed(value, 2) for value in (0.126, -0.126, 0.001, -0.001, None)] == [
        "+0.13",
        "-0.13",
        "0.00",
        "0.00",
        "-",
    ]


def test_counted() -> None:
    assert counted(1, "person", "people") == "1 person"
    assert counted(0, "person", "people") == "0 people"
    assert counted(1200, "row") == "1,200 rows"


def test_joined() -> None:
    assert [joined(list("abc")[:count]) for count in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_file_size() -> None:
    assert [file_size(count) for count in (1, 999, 1000, 45_200_000)] == ["1 byte", "999 bytes", "1.0 kB", "45.2 MB"]
