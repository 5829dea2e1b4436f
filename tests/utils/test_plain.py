"""Results as plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pen_mobile.contract.strategy import Strategy
from pen_mobile.utils.plain import Result, to_plain


class Point(NamedTuple):
    """A named tuple."""

    x: float
    y: float


@dataclass(frozen=True)
class Inner:
    """A dataclass inside another."""

    rmse: float


@dataclass(frozen=True)
class Outer(Result):
    """A result."""

    inner: Inner
    place: Point
    gate: np.ndarray
    path: Path
    strategy: Strategy
    errors: tuple[float, ...]
    trace: np.ndarray = field(repr=False)


def test_a_result_becomes_one_json_document() -> None:
    result = Outer(
        Inner(float("nan")), Point(1, 2), np.array([0.5, 0.5]), Path("a/b"), Strategy.PRIOR, (1.0, np.inf), np.zeros(9)
    )
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == {
        "inner": {"rmse": None},
        "place": {"x": 1, "y": 2},
        "gate": [0.5, 0.5],
        "path": "a/b",
        "strategy": "prior",
        "errors": [1.0, None],
    }


def test_numpy_numbers_and_keys_are_plain() -> None:
    plain = to_plain({Strategy.PRIOR: np.float32(0.5), 3: np.int64(4)})
    assert plain == {"prior": 0.5, "3": 4}
    assert [type(value) for value in plain.values()] == [float, int]
