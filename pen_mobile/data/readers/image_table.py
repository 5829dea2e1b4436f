"""A table of whole images as a CSV or Parquet file: what any other data set can be brought to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from pen_mobile.data.columns.table_file import TableFile, is_table_file, read_table_file
from pen_mobile.data.images import ImageSource
from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.table import ROLES
from pen_mobile.errors import BadInput
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Rows
from pen_mobile.utils.progress import SILENT, Progress

UNRATED = "no rating within the range"
NO_TIME = "no time"
NO_IMAGE = "no image"


def read_image_table(
    path: Path, left_out: LeftOut | None = None, progress: Progress = SILENT, targets: Targets | None = None
) -> list[Recording]:
    """Read columns subject, role, image, one for each target, and optionally time_s; one recording for each subject.

    They are the columns that ``load_table`` reads; only the images, whose paths are relative to the file, are still
    whole and not yet faces. Rows may come in any order; without time_s the rows of one subject are one second apart.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.parquet`` file.
        left_out: gets rows without a rating, a time or an image, and subjects without a role or any row; None raises
            the first.
        progress: told which columns are not used.
        targets: names of the columns with labels, and the range of these; None is valence and arousal.

    Raises:
        BadInput: the file is no such table.
    """
    if not is_table_file(path) or path.suffix.lower() == ".npz":
        raise BadInput(f"{path}: give a .csv, .tsv or .parquet file")
    file = read_table_file(path, progress, targets or VALENCE_AROUSAL)
    if isinstance(file.content, np.ndarray):
        raise BadInput(f"{path}: column 'image' is missing; features hold no faces to prepare, train takes them as is")
    left_out = left_out or LeftOut(strict=True)
    for row in _unnamed(file):
        left_out.add(f"{path}: row {row + 1}", f"{path}: row {row + 1}: subject is empty")
    recordings = []
    for subject in sorted(set(file.subject) - {""}):
        with left_out.unless_good(subject):
            recordings.append(_recording(file, file.content, subject, left_out))
    if not recordings:
        raise BadInput(left_out.first() or f"{path}: the table has no rows")
    return recordings


def _unnamed(file: TableFile) -> list[int]:
    return [row for row, subject in enumerate(file.subject) if not subject]


def _recording(file: TableFile, images: list[ImageSource | None], subject: str, left_out: LeftOut) -> Recording:
    rows = np.flatnonzero(np.array(file.subject) == subject)
    role = _role(file, rows, subject)
    problems = {int(row): problem for row in rows if (problem := _problem(file, images, int(row)))}
    for row, (_, message) in problems.items():
        left_out.add(f"{file.path}: row {row + 1}", f"{file.path}: row {row + 1}: {message}")
    good = np.array([row for row in rows if int(row) not in problems], dtype=np.intp)
    if not len(good):
        raise BadInput(f"{file.path}: no row of {subject!r} can be used")
    good = good[np.argsort(file.time_s[good], kind="stable")]
    return Recording(
        subject=subject,
        role="source" if role == "source" else "target",
        images=[image for row in good if (image := images[row]) is not None],
        time_s=file.time_s[good],
        affect=file.affect[good].astype(np.float32),
        origin=str(file.path),
        dropped=Counter(reason for reason, _ in problems.values()),
        targets=file.targets,
    )


def _role(file: TableFile, rows: Rows, subject: str) -> str:
    for row in rows:
        if file.role[row] not in ROLES:
            problem = f"role {file.role[row]!r} is not source or target" if file.role[row] else "role is empty"
            raise BadInput(f"{file.path}: row {row + 1}: {problem}")
    first = file.role[int(rows[0])]
    if any(file.role[row] != first for row in rows):
        raise BadInput(f"{file.path}: subject {subject!r} is both source and target; give it one role")
    return first


def _problem(file: TableFile, images: list[ImageSource | None], row: int) -> tuple[str, str] | None:
    """Return why a row cannot be used, in general and in particular; None when it can."""
    for name, value in zip(file.targets.names, file.affect[row], strict=True):
        if file.targets.outside(value):
            return UNRATED, f"{name} is {value:g}; labels must lie in {file.targets.range_text}"
    if not np.isfinite(file.time_s[row]):
        return NO_TIME, f"time_s is {file.time_s[row]:g}; give seconds"
    return (NO_IMAGE, "image is empty") if images[row] is None else None
