"""A table in a file, whichever kind of file: its columns in one form, not yet checked row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.data.columns.csv import read_csv
from pen_mobile.data.columns.names import CONTENT, OTHERS, PEOPLE, check_near_misses, unused_names
from pen_mobile.data.columns.npz import read_npz
from pen_mobile.data.columns.outside import image_beside
from pen_mobile.data.columns.parquet import read_parquet
from pen_mobile.data.columns.values import features_of, names_of, numbers_of, seconds_of
from pen_mobile.data.images import EncodedImage, ImageSource
from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS, VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.suggestions import choices

_READERS: dict[str, Callable[[Path, Sequence[str]], dict[str, Any]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".npz": read_npz,
}


@dataclass(frozen=True, eq=False)
class TableFile:
    """N rows of a file.

    Attributes:
        path: the file.
        subject: names, ``[N]``; empty where there is none.
        role: as written, ``[N]``; empty where there is none.
        time_s: seconds, float64 ``[N]``; NaN where there is none. Rows of a subject are one second apart in a file
            without times.
        affect: labels on their own scale, float64 ``[N, K]``; NaN where there is none.
        content: feature vectors, float32 ``[N, D_z]``, or one image for each row, None where there is none.
        targets: names and range of the labels.
    """

    path: Path
    subject: list[str]
    role: list[str]
    time_s: Doubles
    affect: Doubles
    content: Floats | list[ImageSource | None]
    targets: Targets = VALENCE_AROUSAL

    def __len__(self) -> int:
        return len(self.subject)


def is_table_file(path: Path) -> bool:
    """Tell whether a file is taken for a table, by its suffix in whatever case.

    Args:
        path: the file; it need not exist.
    """
    return path.suffix.lower() in _READERS


def read_table_file(path: Path, progress: Progress = SILENT, targets: Targets = VALENCE_AROUSAL) -> TableFile:
    """Read a CSV, Parquet or npz file.

    Args:
        path: the file.
        progress: told which columns are not used.
        targets: names of the columns with labels, and the range of these.

    Raises:
        BadInput: it is missing or no such file, lacks a column, or a column holds values of a wrong type.
    """
    if not path.is_file():
        raise BadInput(f"{path} is a folder, not a file" if path.is_dir() else f"{path} does not exist")
    columns = _READERS[path.suffix.lower()](path, targets.names)
    _check_names(columns, path, targets.names)
    if unused := unused_names(columns, (*OTHERS, *targets.names)):
        progress.say(f"{path}: not used: {', '.join(unused)}")
    return _table(columns, path, targets)


def _check_names(columns: dict[str, Any], path: Path, targets: Sequence[str]) -> None:
    missing = [name for name in (*PEOPLE, *targets, "time_s") if name not in columns]
    contents = [name for name in CONTENT if name in columns]
    check_near_misses(columns, [*missing, *(() if contents else CONTENT)], str(path), known=targets)
    for name in (*PEOPLE, *targets):
        if name in missing:
            other = "; --targets names other labels" if name in DEFAULT_TARGETS else ""
            raise BadInput(f"{path}: column {name!r} is missing; {choices(name, [*filter(None, columns)])}{other}")
    if len(contents) != 1:
        raise BadInput(f"{path}: give either a column 'image' or a column 'feature'")


def _table(columns: dict[str, Any], path: Path, targets: Targets) -> TableFile:
    where = str(path)
    subject, role = (names_of(columns[name], name, where) for name in ("subject", "role"))
    affect = np.stack([numbers_of(columns[name], name, where) for name in targets.names], axis=1)
    time_s = seconds_of(columns["time_s"], subject, where) if "time_s" in columns else _order_within(subject)
    features = "feature" in columns
    content = features_of(columns["feature"], "feature", where) if features else _images(columns["image"], path)
    lengths = {"role": len(role), "time_s": len(time_s), targets.names[0]: len(affect), "content": len(content)}
    for name, length in lengths.items():
        if length != len(subject):
            raise BadInput(f"{path}: {len(subject)} subjects but {length} values of {name}")
    return TableFile(path, subject, role, time_s, affect, content, targets)


def _images(values: list[Any], path: Path) -> list[ImageSource | None]:
    return [_image(value, row, path) for row, value in enumerate(values)]


def _image(value: Any, row: int, path: Path) -> ImageSource | None:
    """Return a path relative to the table, or an image held in the table, as bytes or as Hugging Face's struct."""
    if isinstance(value, dict) and {"bytes", "path"} & set(value):
        content, name = value.get("bytes"), value.get("path")
        if content is None:
            return _image(name, row, path)
        return EncodedImage(f"{path}: row {row + 1}: image {name or ''}".rstrip(), content)
    if isinstance(value, bytes):
        return EncodedImage(f"{path}: row {row + 1}: image", value)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return image_beside(path, value.strip(), f"{path}: row {row + 1}")
    raise BadInput(f"{path}: row {row + 1}: image is {type(value).__name__}; give a path or the bytes of an image file")


def _order_within(subject: list[str]) -> Doubles:
    """Return times of a file without any: rows of one subject follow each other one second apart."""
    times, seen = np.empty(len(subject)), dict[str, int]()
    for row, name in enumerate(subject):
        times[row] = seen[name] = seen.get(name, -1) + 1
    return times
