"""Ways to spoil a bundle: bytes anywhere, and the manifest's keys and values in every place."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        [],
        {},
        "",
        "0",
        "x" * 5_000,
        "../../etc/passwd",
        "/etc/passwd",
        "a\nb\x1b[2J",
        "\u202e\u0000",
    ),
    *(0, -0.0, 1, -1, 2, 7, 255, 1 << 12, 1 << 24, (1 << 24) + 1, 1 << 31, 1 << 53, 1 << 70, -(1 << 63)),
    *(0.5, 1e-300, 1e308, -1e308, float("nan"), float("inf"), "head.pte", "golden.safetensors", "manifest.json"),
    *([1] * 70, [[[[]]]], {"": None}, "predict", "train", "coreml", "vulkan", "backbone.mlpackage.zip", "0" * 64),
]
_PATTERNS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes with a bit, a byte or a word changed, a part copied, cut, lost or doubled."""
    changed, kind = bytearray(content), rng.randrange(7)
    place, other = rng.randrange(len(content)), rng.randrange(len(content))
    if kind == 0:
        changed[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        changed[place] = rng.randrange(256)
    elif kind == 2:
        place -= place % 4
        changed[place : place + 4] = rng.choice([*_PATTERNS, rng.randbytes(4)])
    elif kind == 3:
        changed[place : place + 16] = content[other : other + 16]
    elif kind == 4:
        del changed[place:]
    elif kind == 5:
        del changed[place : place + 16]
    else:
        changed[place:place] = content[other : other + 64]
    return bytes(changed)


def mutated_json(values: Any, rng: random.Random) -> bytes:
    """Return JSON in which one to three places differ: another value, a lost, new or doubled key, other nesting."""
    changed = copy.deepcopy(values)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        _change_one(changed, rng)
    text = json.dumps(changed)
    if rng.random() < 0.05:  # what no dictionary can hold: a key that comes twice
        key = rng.choice(sorted(values))
        text = text[:-1] + f", {json.dumps(key)}: {json.dumps(values[key])}}}"
    return mutated_bytes(text.encode(), rng) if rng.random() < 0.1 else text.encode()


def _change_one(values: Any, rng: random.Random) -> None:
    places = list(_places(values))
    if not places:
        return
    parent, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind <= 1:
        parent[key] = copy.deepcopy(rng.choice(_VALUES))
    elif kind == 2:
        parent[key] = _scaled(parent[key], rng)
    elif kind == 3:
        del parent[key]
    elif kind == 4:
        other, name = rng.choice(places)
        parent[key] = copy.deepcopy(other[name])
    elif isinstance(parent, dict):
        parent[rng.choice(["unknown", "a\nb", "", "bytes", "../x", "x" * 300])] = parent[key]
    else:
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(parent[key]))


def _places(values: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = list(values) if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else []
    for key in keys:
        found.append((values, key))
        found += _places(values[key])
    return found


def _scaled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [value] if rng.random() < 0.5 else str(value)
    return rng.choice([value + 1, value - 1, value * 2, -value, value * 1_000_000, float(value) + 0.5])
