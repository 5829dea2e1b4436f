"""Parquet files, also as pandas and Hugging Face write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.data.columns.names import OTHERS, check_no_duplicates, plain_name
from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS


def read_parquet(path: Path, targets: Sequence[str] = DEFAULT_TARGETS) -> dict[str, Any]:
    """Return the columns of a Parquet file by plain name; only known ones have values.

    Args:
        path: the file.
        targets: names of the columns with labels.

    Returns:
        Lists, arrays ``[N]``, feature vectors ``[N, D_z]``, or None for a column that nothing reads.

    Raises:
        BadInput: it cannot be read, has two columns of one name, or a column is of a type that cannot be.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        names = parquet.read_schema(path).names
        plain = [plain_name(name) for name in names]
        check_no_duplicates(plain, str(path))
        used = [name for name in names if plain_name(name) in (*OTHERS, *targets)]
        table = parquet.read_table(path, columns=used)
        columns = {plain_name(name): _values(table[name], plain_name(name), path) for name in used}
    except (pyarrow.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {_one_line(error)}") from None
    return dict.fromkeys(plain) | columns


def _values(column: Any, name: str, path: Path) -> Any:
    """Return a column as a list or an array; dictionaries are looked up."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if name in ("subject", "role", "image"):
        return column.to_pylist()
    if name == "feature":
        return _vectors(column)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pyarrow.float64()).to_numpy()
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    if name == "time_s" and (types.is_timestamp(kind) or types.is_duration(kind)):
        return column.to_numpy()
    raise BadInput(f"{path}: column {name!r} holds something that is not a number ({kind})")


def _vectors(column: Any) -> Any:
    """Return lists of numbers as one array ``[N, D]``, or as lists where they differ in length."""
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return column.to_numpy()
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:
        return column.to_pylist()
    values = pc.list_flatten(column)
    return values.to_numpy().reshape(len(column), lengths[0])


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
