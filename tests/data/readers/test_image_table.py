"""A CSV or Parquet table of pictures becomes recordings: one for each person, in order of time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from pen_mobile.data.readers.image_table import read_image_table
from pen_mobile.errors import BadInput

CSV = """\
subject,role,time_s,valence,arousal,image
ben,target,0.5,0.25,0,b.png
007,source,1.5,1,-1,in/c.png
007,source,0.5,-0.5,0.75,a.png
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures that are neither square nor of one size."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(("a.png", "b.png", "in/c.png")):
        cv2.imwrite(str(tmp_path / name), np.full((4 + number, 9, 3), 10 * number, np.uint8))
    return tmp_path


def write(folder: Path, text: str = CSV) -> Path:
    path = folder / "people.csv"
    path.write_text(text)
    return path


def changed(old: str, new: str) -> str:
    assert old in CSV
    return CSV.replace(old, new, 1)


def test_one_recording_for_each_person_in_order_of_time(folder: Path) -> None:
    path = write(folder)
    seven, ben = read_image_table(path)
    assert (seven.subject, seven.role, ben.subject, ben.role) == ("007", "source", "ben", "target")
    assert seven.time_s.tolist() == [0.5, 1.5]  # rows 3 and 2 of the file
    assert seven.images == [folder / "a.png", folder / "in" / "c.png"]
    assert seven.affect.dtype == np.float32
    assert seven.affect.tolist() == [[-0.5, 0.75], [1, -1]]
    assert ben.images == [folder / "b.png"]
    assert seven.origin == str(path)


def test_parquet_says_the_same(folder: Path) -> None:
    names = csv.ConvertOptions(column_types={"subject": pa.string()})
    path = folder / "people.parquet"
    parquet.write_table(csv.read_csv(write(folder), convert_options=names), path)
    for one, other in zip(read_image_table(write(folder)), read_image_table(path), strict=True):
        assert (one.subject, one.role, one.images) == (other.subject, other.role, other.images)
        np.testing.assert_array_equal(one.affect, other.affect)
        np.testing.assert_array_equal(one.time_s, other.time_s)


def test_without_times_rows_are_a_second_apart(folder: Path) -> None:
    lines = [line.split(",") for line in CSV.splitlines()]
    (seven, _) = read_image_table(write(folder, "\n".join(",".join(line[:2] + line[3:]) for line in lines)))
    assert seven.time_s.tolist() == [0, 1]
    assert seven.images == [folder / "in" / "c.png", folder / "a.png"]  # as they stand in the file


def test_one_person_is_enough(folder: Path) -> None:
    (ben,) = read_image_table(write(folder, "\n".join(CSV.splitlines()[:2])))
    assert len(ben) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("arousal", "calm"), "column 'arousal' is missing; there are subject, role, time_s, valence, calm"),
        (changed("image", "picture"), "there is no column 'image' but 'picture'; rename it"),
        (changed("a.png", ""), "row 3: image is empty"),
        (changed("0.75", "1.75"), r"row 3: arousal is 1\.75; labels must lie in \[-1, 1\]"),
        (changed("1.5,1,", "inf,1,"), "row 2: time_s is inf; give seconds"),
        (changed("1.5,1,", "1.5,,"), "row 2: valence is nan"),
        (changed("ben,", ","), "row 1: subject is empty"),
        (changed("007,source,1.5", "007,target,1.5"), "subject '007' is both source and target; give it one role"),
        (changed("ben,target", "ben,owner"), "row 1: role 'owner' is not source or target"),
        (CSV.splitlines()[0] + "\n", "the table has no rows"),
        ("", "Empty CSV file"),
        ("\x00\x01", "Empty CSV file|column 'subject' is missing"),
    ],
)
def test_bad_tables_are_refused_by_row_and_column(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.csv: .*({message})") as caught:
        read_image_table(write(folder, text))
    assert "\n" not in str(caught.value)


def test_unreadable_files_are_refused(folder: Path) -> None:
    path = folder / "people.parquet"
    path.write_text("plain text")
    with pytest.raises(BadInput, match=r"people\.parquet: "):
        read_image_table(path)
    with pytest.raises(BadInput, match=r"none\.csv does not exist"):
        read_image_table(folder / "none.csv")
    for other in (folder, folder / "people.npz"):
        with pytest.raises(BadInput, match=r": give a \.csv, \.tsv or \.parquet file"):
            read_image_table(other)


def test_features_hold_no_faces(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    columns = {"subject": ["a"], "role": ["source"], "valence": [0.0], "arousal": [0.0], "feature": [[1.0, 2.0]]}
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(BadInput, match=r"people\.parquet: column 'image' is missing; features hold no faces"):
        read_image_table(path)
