"""The gold standard files of AVEC 2016: the small part of ARFF that they use, with line numbers in every complaint.

SciPy's ARFF reader refuses ``string`` attributes and names no lines, so this grammar is read here: ``%`` comments,
``@relation``, ``@attribute NAME TYPE`` in any order, ``@data``, then comma-separated rows; blank lines anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.readers.disk import finite_number, label, numbered_lines
from pen_mobile.errors import BadInput

_INSTANCE, _TIME, _RATING = "Instance_name", "frameTime", "GoldStandard"

Line = tuple[int, str]


@dataclass(frozen=True, eq=False)
class GoldStandard:
    """One dimension of affect over one recording.

    Attributes:
        instance: the recording's name, such as ``dev_1``.
        time_s: seconds, float64 ``[T]``, as written.
        values: ratings in [-1, 1], float64 ``[T]``.
    """

    instance: str
    time_s: NDArray[np.float64]
    values: NDArray[np.float64]

    def first_other_time(self, other: GoldStandard, tolerance_s: float) -> int | None:
        """Return the first row whose time is not that of another file of as many rows, or None.

        Args:
            other: of the same recording.
            tolerance_s: seconds by which times may differ.
        """
        rows = np.flatnonzero(np.abs(self.time_s - other.time_s) > tolerance_s)
        return int(rows[0]) if len(rows) else None


def read_gold_standard(path: Path) -> GoldStandard:
    """Read one ``train_k.arff`` or ``dev_k.arff``.

    Args:
        path: the file.

    Raises:
        BadInput: the file lacks an attribute or rows, or a line holds something else than one recording's name,
            a time and a rating in [-1, 1].
    """
    lines = [(number, text) for number, text in numbered_lines(path) if not text.startswith("%")]
    names, rows = _split_at_data(lines, path)
    places = {name.lower(): place for place, name in enumerate(names)}
    for needed in (_INSTANCE, _TIME, _RATING):
        if needed.lower() not in places:
            raise BadInput(f"{path}: attribute {needed!r} is missing; there are {', '.join(names) or 'none'}")
    instance, time, rating = (places[name.lower()] for name in (_INSTANCE, _TIME, _RATING))
    fields = [(line, _fields(text, len(names), path, line)) for line, text in rows]
    return GoldStandard(
        _one_instance([(line, row[instance]) for line, row in fields], path),
        _increasing([(line, row[time]) for line, row in fields], path),
        np.array([label(row[rating], _RATING, path, line) for line, row in fields]),
    )


def _split_at_data(lines: list[Line], path: Path) -> tuple[list[str], list[Line]]:
    """Return the attributes' names in the header's order, and the lines after ``@data``."""
    names: list[str] = []
    for place, (line, text) in enumerate(lines):
        keyword, *rest = text.split()
        if keyword.lower() == "@data":
            if place + 1 == len(lines):
                raise BadInput(f"{path}: no rows follow @data")
            return names, lines[place + 1 :]
        if keyword.lower() == "@attribute" and rest:
            names.append(_unquoted(rest[0]))
        elif keyword.lower() != "@relation":
            raise BadInput(f"{path}: line {line}: {text[:40]!r} is not part of an ARFF header")
    raise BadInput(f"{path}: not a gold standard ARFF file: it has no @data")


def _fields(text: str, count: int, path: Path, line: int) -> list[str]:
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != count:
        raise BadInput(f"{path}: line {line}: {len(fields)} values where the header names {count}")
    return fields


def _one_instance(names: list[Line], path: Path) -> str:
    first = _unquoted(names[0][1])
    for line, name in names:
        if _unquoted(name) != first:
            raise BadInput(f"{path}: line {line}: {_unquoted(name)!r} in a file of {first!r}; give one file for each")
    return first


def _increasing(times: list[Line], path: Path) -> NDArray[np.float64]:
    values = np.array([finite_number(text, _TIME, path, line) for line, text in times])
    for row in np.flatnonzero(np.diff(values) <= 0)[:1] + 1:
        line = times[row][0]
        raise BadInput(f"{path}: line {line}: {values[row]:g} s does not come after {values[row - 1]:g} s before it")
    return values


def _unquoted(name: str) -> str:
    return name.strip("'\"")
