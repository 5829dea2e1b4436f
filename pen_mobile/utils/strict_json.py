"""JSON from files that anybody may have written: one meaning for every reader, or none."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 32
"""Deepest nesting of arrays and objects."""


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
    if len(digits) > 20:
        raise ValueError("an integer of more than 20 digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:20]} is too large")
    return value
