"""A table of pictures as a CSV or Parquet file: what any other data set can be brought to."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.data.images import FileFrames
from pen_mobile.data.load import load_table
from pen_mobile.data.readers.ratings import Recording
from pen_mobile.data.table import FrameTable, Role
from pen_mobile.errors import BadInput


def read_table_file(path: Path) -> list[Recording]:
    """Read columns subject, role, valence, arousal, image and optionally time_s; one recording for each person.

    They are the columns that ``load_table`` reads, with the same checks; only the pictures, whose paths are relative
    to the file, are still whole and not yet faces. Rows may come in any order; without time_s the rows of one person
    are one second apart.

    Raises:
        BadInput: the file is no such table, a picture is missing, or a value cannot be.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise BadInput(f"{path}: give a .csv or .parquet file")
    table = load_table(str(path))
    if not (isinstance(table, FrameTable) and isinstance(table.frames, FileFrames)):
        raise BadInput(f"{path}: column 'image' is missing; features hold no faces to prepare, train takes them as is")
    recordings = []
    for subject in table.subjects():
        rows = table.rows_of(subject)
        pictures = table.frames.take(rows).paths
        role: Role = "source" if table.role[rows[0]] == "source" else "target"
        recordings.append(
            Recording(subject, role, None, pictures, table.time_s[rows], table.affect[rows], origin=str(path))
        )
    return recordings
