"""JSON from files that anybody may have written: one meaning for every reader, or none."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 32
"""Deepest nesting of arrays and objects."""

_MAX_DIGITS = 20


def parse_strictly(text: str | bytes, max_bytes: int = 1 << 20) -> Any:
    """Return the value of a JSON document.

    Args:
        text: the document; bytes are UTF-8.
        max_bytes: longest document.

    Raises:
        ValueError: not JSON, too long, too deep, a key that comes twice, NaN, an infinity, or a number that Python
            reads as one.
    """
    if len(text) > max_bytes:
        raise ValueError(f"{len(text):,} bytes of JSON; at most {max_bytes:,} are read")
    try:
        value = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            object_pairs_hook=without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_sane_integer,
            parse_float=_finite_float,
        )
    except RecursionError:
        raise ValueError(f"JSON nested deeper than {MAX_DEPTH}") from None
    _check_depth(value, MAX_DEPTH)
    return value


def check_values(values: Any) -> None:
    """Check plain values that another parser has read, such as those of a TOML file.

    Args:
        values: containers, strings and numbers.

    Raises:
        ValueError: too deep, or an integer of more than 20 digits.
    """
    _check_depth(values, MAX_DEPTH)
    _check_integers(values)


def _check_integers(value: Any) -> None:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            _check_integers(item)
    elif isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS:
        raise ValueError(f"an integer of more than {_MAX_DIGITS} digits")


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs, for ``object_pairs_hook``.

    Args:
        pairs: key and value, in the order of the text.

    Raises:
        ValueError: a key comes twice.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return values


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if left == 0:
        raise ValueError(f"JSON nested deeper than {MAX_DEPTH}")
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, left - 1)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _sane_integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"an integer of more than {_MAX_DIGITS} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:20]} is too large")
    return value
