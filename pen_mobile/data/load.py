"""What a person calls DATA becomes the canonical table: ``synthetic``, a CSV or Parquet table, or ``.npz`` features."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.images import FileFrames
from pen_mobile.data.prepared_folder import PREPARED, TABLE, PreparedFolder
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.validation import read_json_as

SYNTHETIC = "synthetic"
_FRAME_SIZE = 224
_COLUMNS = ("subject", "role", "valence", "arousal")


def load_table(data: str, frame_size: int | None = None, progress: Progress = SILENT) -> SubjectTable:
    """Read DATA.

    Args:
        data: one of

            - a folder made by ``pen-mobile data prepare``;
            - ``synthetic`` or ``synthetic:key=value,...`` with keys of :class:`SyntheticConfig`;
            - a ``.csv`` or ``.parquet`` file with columns subject, role, valence, arousal, image (paths,
              relative to the file) or feature (Parquet, a list of numbers), and optionally time_s;
            - a ``.npz`` file with arrays z ``[N, D_z]``, y ``[N, 2]``, subject, role and optionally time_s.
        frame_size: side to which images are brought, pixels; invented faces are drawn at this size. None is
            the size of a prepared folder, 224 otherwise.

    Raises:
        BadInput: the file is missing, has other columns, or holds a value that cannot be.
    """
    name, _, settings = data.partition(":")
    if name == SYNTHETIC:
        return synthetic_table(_synthetic_config(settings, frame_size or _FRAME_SIZE), progress)
    path = Path(data)
    if path.is_dir():
        return _prepared(path, frame_size)
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    if path.suffix not in readers:
        raise BadInput(f"{data}: give 'synthetic', a prepared folder, or a .csv, .parquet or .npz file")
    if not path.is_file():
        raise BadInput(f"{path} does not exist")
    columns = readers[path.suffix](path)
    return _table(columns, path, frame_size or _FRAME_SIZE)


def _prepared(folder: Path, frame_size: int | None) -> SubjectTable:
    """Read what ``pen-mobile data prepare`` made."""
    if not (folder / PREPARED).is_file():
        raise BadInput(f"{folder} is not a prepared folder: it has no {PREPARED}; 'pen-mobile data prepare' makes one")
    crop = read_json_as(PreparedFolder, folder / PREPARED).crop
    table = _table(_read_parquet(folder / TABLE), folder / TABLE, frame_size or crop.size)
    return replace(table, crop=crop) if isinstance(table, FrameTable) else table


def _synthetic_config(settings: str, frame_size: int) -> SyntheticConfig:
    """Read ``key=value,...``; without them it is 9 source and 9 target people for a minute at 5 frames a second."""
    values: dict[str, Any] = {"seconds": 60, "fps": 5, "size": frame_size}
    kinds = {"sources": int, "targets": int, "seconds": float, "fps": float, "seed": int}
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        if key not in kinds:
            raise BadInput(f"{SYNTHETIC}:{setting}: unknown setting {key!r}; {choices(key, kinds)}")
        try:
            values[key] = kinds[key](value)
        except ValueError:
            raise BadInput(f"{SYNTHETIC}:{setting}: {value!r} is not a number") from None
    return SyntheticConfig(**values)


def _read_csv(path: Path) -> dict[str, Any]:
    import pyarrow
    from pyarrow import csv

    # Names stay text ("007" is not 7), numbers must be numbers; pyarrow names row and column when not.
    types = {"subject": pyarrow.string(), "role": pyarrow.string(), "image": pyarrow.string()}
    types |= dict.fromkeys(("time_s", "valence", "arousal"), pyarrow.float64())
    try:
        serial = csv.ReadOptions(use_threads=False)  # with threads pyarrow does not know the row
        return _columns_of(csv.read_csv(path, serial, convert_options=csv.ConvertOptions(column_types=types)))
    except (pyarrow.ArrowException, OSError, KeyError) as error:  # KeyError: two columns of one name
        raise BadInput(f"{path}: {_one_line(error)}") from None


def _read_parquet(path: Path) -> dict[str, Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        return _columns_of(parquet.read_table(path))
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise BadInput(f"{path}: {_one_line(error)}") from None


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            columns: dict[str, Any] = {name: np.atleast_1d(arrays[name]) for name in arrays.files}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path}: not a readable .npz file without Python objects: {_one_line(error)}") from None
    for name in ("z", "y", "subject", "role"):
        if name not in columns:
            raise BadInput(f"{path}: array {name!r} is missing; {choices(name, columns)}")
    y = columns.pop("y")
    if y.ndim != 2 or y.shape[1] != 2:
        raise BadInput(f"{path}: y must be [N, 2] (valence, arousal), not {list(y.shape)}")
    columns["valence"], columns["arousal"] = y[:, 0], y[:, 1]
    columns["feature"] = columns.pop("z")
    return columns


def _columns_of(table: Any) -> dict[str, Any]:
    return {
        name: table[name].to_pylist() if name in ("subject", "role", "image", "feature") else table[name].to_numpy()
        for name in table.column_names
    }


def _table(columns: dict[str, Any], path: Path, frame_size: int) -> SubjectTable:
    for name in _COLUMNS:
        if name not in columns:
            raise BadInput(f"{path}: column {name!r} is missing; {choices(name, columns)}")
    if ("image" in columns) == ("feature" in columns):
        raise BadInput(f"{path}: give either a column 'image' or a column 'feature'")
    for name in ("subject", "role", "image"):
        for row, value in enumerate(columns.get(name, ())):
            if value is None or value == "":
                raise BadInput(f"{path}: row {row + 1}: {name} is empty")
    rows = len(columns["subject"])
    affect = np.stack([_numbers(columns[name], name, path) for name in ("valence", "arousal")], axis=1)
    subject = np.asarray(columns["subject"], dtype=str)
    time_s = columns["time_s"] if "time_s" in columns else _order_within(subject)
    role, labels = np.asarray(columns["role"], dtype=str), affect.astype(np.float32)
    shared = (subject, role, _numbers(time_s, "time_s", path), labels)
    if "image" in columns:
        return FrameTable(*shared, _frames(columns["image"], path, frame_size), origin=str(path))
    return FeatureTable(*shared, _features(columns["feature"], rows, path), origin=str(path))


def _frames(names: list[str], path: Path, size: int) -> FileFrames:
    files = [path.parent / name for name in names]
    for row, file in enumerate(files):
        if not file.is_file():
            raise BadInput(f"{path}: row {row + 1}: image {file} does not exist")
    return FileFrames(files, size)


def _features(values: Any, rows: int, path: Path) -> NDArray[np.float32]:
    try:
        features = np.asarray(values, dtype=np.float32)
    except (ValueError, TypeError):
        raise BadInput(f"{path}: feature vectors must all be lists of the same number of numbers") from None
    if features.ndim != 2 or len(features) != rows or not features.shape[1]:
        raise BadInput(f"{path}: features must be [{rows}, D_z], not {list(features.shape)}")
    return features


def _numbers(values: Any, name: str, path: Path) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError):
        raise BadInput(f"{path}: column {name!r} holds something that is not a number") from None


def _order_within(subject: NDArray[np.str_]) -> NDArray[np.float64]:
    """Without times, rows of one person follow each other one second apart."""
    times = np.empty(len(subject))
    for name in np.unique(subject):
        mine = subject == name
        times[mine] = np.arange(np.count_nonzero(mine))
    return times


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
