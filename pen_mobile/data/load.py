"""DATA, as named by a user, becomes the canonical table: ``synthetic``, a table file, or a prepared folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pen_mobile.data.columns.table_file import TableFile, is_table_file, read_table_file
from pen_mobile.data.frames import FileFrames
from pen_mobile.data.images import ImageSource
from pen_mobile.data.prepared_folder import PREPARED, TABLE, PreparedFolder
from pen_mobile.data.synthetic import SYNTHETIC, parse_synthetic, synthetic_table
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.validation import read_json_as

_FRAME_SIZE = 224


def load_table(
    data: str, frame_size: int | None = None, progress: Progress = SILENT, targets: Targets | None = None
) -> SubjectTable:
    """Read DATA.

    Args:
        data: one of

            - a folder made by ``pen-mobile data prepare``;
            - ``synthetic`` or ``synthetic:key=value,...`` with keys of :class:`SyntheticConfig`;
            - a ``.csv``, ``.tsv`` or ``.parquet`` file with columns subject, role, one for each target, image (paths,
              relative to the file, of square face crops) or feature (Parquet, a list of numbers), and optionally
              time_s;
            - a ``.npz`` file with arrays z ``[N, D_z]``, y ``[N, K]``, subject, role and optionally time_s.
        frame_size: side to which frames are brought, pixels; synthetic faces are rendered at this size. None is
            the size of a prepared folder, 224 otherwise.
        progress: told which columns are not used, and how far rendering is.
        targets: names and range of the labels; None is what a prepared folder says, valence and arousal otherwise.

    Raises:
        BadInput: the file is missing, has other columns, or holds a value that cannot be.
    """
    name, _, settings = data.partition(":")
    if name == SYNTHETIC:
        return synthetic_table(
            parse_synthetic(settings, frame_size or _FRAME_SIZE), progress, targets or VALENCE_AROUSAL
        )
    path = Path(data)
    if path.is_dir():
        return _prepared(path, frame_size, targets)
    if not is_table_file(path):
        raise BadInput(f"{data}: give 'synthetic', a prepared folder, or a .csv, .tsv, .parquet or .npz file")
    table = to_subject_table(read_table_file(path, progress, targets or VALENCE_AROUSAL), frame_size or _FRAME_SIZE)
    if isinstance(table, FrameTable):
        table.frames.read(np.zeros(1, dtype=np.intp))  # what is no face crop at all should not wait for training
    return table


def to_subject_table(file: TableFile, frame_size: int) -> SubjectTable:
    """Return the table of a file, all of whose rows must be complete.

    Args:
        file: columns in one form.
        frame_size: side to which frames are brought, pixels.

    Raises:
        BadInput: a row lacks something or holds a value that cannot be.
    """
    for name, values in (("subject", file.subject), ("role", file.role)):
        for row, value in enumerate(values):
            if not value:
                raise BadInput(f"{file.path}: row {row + 1}: {name} is empty")
    subject, role = np.array(file.subject, dtype=str), np.array(file.role, dtype=str)
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which the table refuses by row
        columns = (subject, role, file.time_s, file.affect.astype(np.float32))
    if isinstance(file.content, np.ndarray):
        return FeatureTable(*columns, file.content, origin=str(file.path), targets=file.targets)
    frames = FileFrames(_existing(file.content, file.path), frame_size)
    return FrameTable(*columns, frames, origin=str(file.path), targets=file.targets)


def _prepared(folder: Path, frame_size: int | None, targets: Targets | None) -> SubjectTable:
    """Read a folder made by ``pen-mobile data prepare``."""
    if not (folder / PREPARED).is_file():
        raise BadInput(f"{folder} is not a prepared folder: it has no {PREPARED}; 'pen-mobile data prepare' makes one")
    record = read_json_as(PreparedFolder, folder / PREPARED)
    if targets is not None and targets != record.targets:
        raise BadInput(f"{folder} holds labels of {record.targets.text}; asked for are {targets.text}")
    file = read_table_file(folder / TABLE, targets=targets or record.targets)
    table = to_subject_table(file, frame_size or record.crop.size)
    return replace(table, crop=record.crop, origin=str(folder)) if isinstance(table, FrameTable) else table


def _existing(images: list[ImageSource | None], path: Path) -> list[ImageSource]:
    for row, image in enumerate(images):
        if image is None:
            raise BadInput(f"{path}: row {row + 1}: image is empty")
        if isinstance(image, Path) and not image.is_file():
            raise BadInput(f"{path}: row {row + 1}: image {image} does not exist")
    return [image for image in images if image is not None]
