"""Values of columns: names, numbers, seconds and feature vectors, whatever type a file stores them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles, Floats

_MOST_CHARACTERS = 200


def flat(values: Any, name: str, where: str) -> NDArray[Any]:
    """Return a column as an array ``[N]``: a column vector ``[N, 1]`` or a row vector ``[1, N]`` is one, too.

    Args:
        values: an array or a list.
        name: of the column, for the message.
        where: the file, for the message.

    Raises:
        BadInput: it has more than one column.
    """
    array = np.atleast_1d(np.asarray(values))
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1:
        raise BadInput(f"{where}: {name!r} must be [N], not {list(array.shape)}")
    return array


def names_of(values: Any, name: str, where: str) -> list[str]:
    """Return a column of names as text, empty where there is none; bytes are UTF-8, whole numbers are taken as text.

    Args:
        values: an array or a list ``[N]``.
        name: of the column, for the message.
        where: the file, for the message.

    Raises:
        BadInput: a value is no name.
    """
    array = values if isinstance(values, list) else flat(values, name, where).tolist()
    return [_name(value, f"{where}: row {row + 1}: {name}") for row, value in enumerate(array)]


def numbers_of(values: Any, name: str, where: str) -> Doubles:
    """Return a column of numbers, float64 ``[N]``, NaN where there is none.

    Args:
        values: an array or a list ``[N]``.
        name: of the column, for the message.
        where: the file, for the message.

    Raises:
        BadInput: the column holds something else.
    """
    array = flat(values, name, where)
    if array.dtype.kind not in "iuf":
        raise BadInput(f"{where}: column {name!r} holds something that is not a number ({_type_name(array)})")
    return array.astype(np.float64)


def seconds_of(values: Any, subject: Sequence[str], where: str) -> Doubles:
    """Return times in seconds, float64 ``[N]``.

    Args:
        values: numbers, which are seconds; durations; or points in time, which count from the subject's first one.
        subject: name of each row's subject.
        where: the file, for messages.

    Raises:
        BadInput: they are none of these.
    """
    array = flat(values, "time_s", where)
    if array.dtype.kind not in "mM":
        return numbers_of(array, "time_s", where)
    if array.dtype.kind == "M":
        array = _since_the_first(array, subject)
    seconds = array / np.timedelta64(1, "s")
    return np.asarray(seconds, dtype=np.float64)


def features_of(values: Any, name: str, where: str) -> Floats:
    """Return feature vectors, float32 ``[N, D_z]``.

    Args:
        values: an array ``[N, D_z]``, or a list of lists.
        name: of the column, for the message.
        where: the file, for the message.

    Raises:
        BadInput: they are not numbers, or not equally many in each row.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype == object:
        raise BadInput(f"{where}: feature vectors must all be lists of the same number of numbers")
    if array.dtype.kind not in "iuf":
        raise BadInput(f"{where}: {name!r} holds something that is not a number ({_type_name(array)})")
    if array.ndim != 2 or not array.shape[1]:
        raise BadInput(f"{where}: features must be [{len(array) if array.ndim else 1}, D_z], not {list(array.shape)}")
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which the table refuses by row
        return array.astype(np.float32)


def _name(value: Any, where: str) -> str:
    if isinstance(value, bytes):
        try:
            value = value.rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput(f"{where}: {value[:20]!r} is not UTF-8 text") from None
    if value is None or value != value:  # NaN is the only value that differs from itself
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadInput(f"{where} is {type(value).__name__} {str(value)[:20]!r}; give text")
    text = str(value).strip()
    if len(text) > _MOST_CHARACTERS:
        raise BadInput(f"{where} has {len(text):,} characters; give at most {_MOST_CHARACTERS}")
    return text


def _since_the_first(moments: NDArray[Any], subject: Sequence[str]) -> NDArray[Any]:
    """Return durations since the first moment of each row's subject; a missing moment stays missing."""
    owner, start = np.asarray(subject), moments.copy()
    for name in np.unique(owner):
        mine = owner == name
        known = moments[mine & ~np.isnat(moments)]
        if len(known):
            start[mine] = known.min()
    return np.asarray(moments - start)


def _type_name(array: NDArray[Any]) -> str:
    names = {"U": "text", "S": "bytes", "O": "objects", "b": "true or false", "c": "complex numbers", "m": "durations"}
    return names.get(array.dtype.kind, str(array.dtype))
