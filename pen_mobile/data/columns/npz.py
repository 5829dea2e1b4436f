"""NumPy archives: named arrays, without Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.data.columns.names import check_near_misses, check_no_duplicates, plain_name
from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS
from pen_mobile.utils.suggestions import choices

_REQUIRED = ("z", "y", "subject", "role")


def read_npz(path: Path, targets: Sequence[str] = DEFAULT_TARGETS) -> dict[str, Any]:
    """Return the columns of an npz file with arrays z ``[N, D_z]``, y ``[N, K]``, subject, role and perhaps time_s.

    Args:
        path: an archive of NumPy arrays.
        targets: names of the K columns of y.

    Returns:
        Arrays by the name of the column: z is ``feature``, y becomes a column for each target.

    Raises:
        BadInput: it cannot be read, holds Python objects, or an array is missing, misspelt or of another shape.
    """
    arrays = _arrays(path)
    _check_names(arrays, path)
    y = arrays.pop("y")
    if y.ndim != 2 or y.shape[1] != len(targets):
        raise BadInput(f"{path}: y must be [N, {len(targets)}] ({', '.join(targets)}), not {list(y.shape)}")
    arrays["feature"] = arrays.pop("z")
    return arrays | dict(zip(targets, y.T, strict=True))


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [(plain_name(name), np.atleast_1d(archive[name])) for name in archive.files]
    except Exception as error:  # noqa: BLE001  numpy and zipfile raise almost anything for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: not a readable .npz file without Python objects: {reason}") from None
    check_no_duplicates([name for name, _ in arrays], str(path))
    return dict(arrays)


def _check_names(arrays: dict[str, Any], path: Path) -> None:
    if any(name.startswith("arr_") for name in arrays):
        raise BadInput(f"{path}: arrays have no names; save them as numpy.savez(FILE, z=.., y=.., subject=.., role=..)")
    missing = [name for name in (*_REQUIRED, "time_s") if name not in arrays]
    check_near_misses(arrays, missing, str(path), "array")
    for name in _REQUIRED:
        if name in missing:
            raise BadInput(f"{path}: array {name!r} is missing; {choices(name, arrays)}")
