"""JSON that has one meaning for every reader."""

from __future__ import annotations

import pytest

from pen_mobile.utils.strict_json import MAX_DEPTH, parse_strictly


@pytest.mark.parametrize("text", ["{}", '{"a": [1, 2.5, null, true, "x"]}', "-1e-3", "12345678901234567890"])
def test_json_is_read(text: str) -> None:
    assert parse_strictly(text) == parse_strictly(text.encode())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"a": 1, "a": 2}', "key 'a' comes twice"),
        ('[{"x": {"b": 1, "b": 1}}]', "key 'b' comes twice"),
        ("NaN", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("1e999", "1e999 is too large"),
        ("1" * 21, "more than 20 digits"),
        ("{", "Expecting"),
        ("", "Expecting"),
        (b"\xff", "utf-8"),
        ("[" * 40 + "]" * 40, "nested deeper"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_what_has_no_one_meaning_is_refused(text: str | bytes, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_strictly(text)


def test_the_limits_are_met_exactly() -> None:
    assert parse_strictly("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(ValueError, match="nested deeper"):
        parse_strictly("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert parse_strictly('"12345"', max_bytes=7) == "12345"
    with pytest.raises(ValueError, match="8 bytes of JSON; at most 7 are read"):
        parse_strictly('"123456"', max_bytes=7)
