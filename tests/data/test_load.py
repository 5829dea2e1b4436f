"""DATA becomes a table: good files value by value, bad files by the name of what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.load import load_table
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.errors import BadInput

CSV = """\
subject,role,time_s,valence,arousal,image
007,source,0.0,0.25,-0.5,a.png
007,source,0.5,1,-1,b.png
NA,target,0.0,-0.75,0,a.png
"""
COLOURS = {"a.png": (10, 20, 30), "b.png": (200, 100, 0)}

PARQUET: dict[str, list[Any]] = {
    "subject": ["007", "007", "NA"],
    "role": ["source", "source", "target"],
    "time_s": [0.0, 0.5, 0.0],
    "valence": [0.25, 1.0, -0.75],
    "arousal": [-0.5, -1.0, 0.0],
    "feature": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
}
NPZ: dict[str, Any] = {
    "z": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "y": np.array([[0.25, -0.5], [1.0, -1.0], [-0.75, 0.0]]),
    "subject": np.array(["007", "007", "NA"]),
    "role": np.array(["source", "source", "target"]),
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two small images of one colour each."""
    for name, colour in COLOURS.items():
        cv2.imwrite(str(tmp_path / name), np.full((6, 6, 3), colour[::-1], np.uint8))
    return tmp_path


def write_csv(folder: Path, text: str = CSV) -> str:
    path = folder / "people.csv"
    path.write_text(text)
    return str(path)


def write_parquet(folder: Path, **changed: Any) -> str:
    path = folder / "people.parquet"
    parquet.write_table(pa.table({key: value for key, value in (PARQUET | changed).items() if value is not None}), path)
    return str(path)


def write_npz(folder: Path, **changed: Any) -> str:
    path = folder / "people.npz"
    np.savez(path, **{key: value for key, value in (NPZ | changed).items() if value is not None})
    return str(path)


def assert_people(table: Any, times: list[float]) -> None:
    """What all three good files say."""
    assert table.subject.tolist() == ["007", "007", "NA"]  # neither a number nor a missing value
    assert table.role.tolist() == ["source", "source", "target"]
    assert table.time_s.tolist() == times
    assert table.affect.dtype == np.float32
    assert table.affect.tolist() == [[0.25, -0.5], [1.0, -1.0], [-0.75, 0.0]]
    assert not table.synthetic


def test_csv_of_images(images: Path) -> None:
    path = write_csv(images)
    table = load_table(path, frame_size=4)
    assert_people(table, [0.0, 0.5, 0.0])
    assert table.origin == path
    assert isinstance(table, FrameTable)
    frames = table.frames.read(slice(None))
    assert frames.shape == (3, 4, 4, 3)
    for frame, name in zip(frames, ("a.png", "b.png", "a.png"), strict=True):
        np.testing.assert_array_equal(frame, np.broadcast_to(COLOURS[name], (4, 4, 3)))


def test_rows_at_one_instant_stay_in_the_order_of_the_file(images: Path) -> None:
    table = load_table(write_csv(images, line(3, "0.5", "0.0")))
    assert table.rows_of("007").tolist() == [0, 1]
    assert table.time_s.tolist() == [0, 0, 0]


def test_times_left_out_are_seconds_of_each_person(images: Path) -> None:
    lines = [line.split(",") for line in CSV.splitlines()]
    table = load_table(write_csv(images, "\n".join(",".join(line[:2] + line[3:]) for line in lines)))
    assert_people(table, [0.0, 1.0, 0.0])


def test_parquet_of_features(tmp_path: Path) -> None:
    table = load_table(write_parquet(tmp_path))
    assert_people(table, [0.0, 0.5, 0.0])
    assert isinstance(table, FeatureTable)
    assert table.features.dtype == np.float32
    assert table.features.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_parquet_of_images(images: Path) -> None:
    table = load_table(write_parquet(images, feature=None, image=["a.png", "b.png", "a.png"]), frame_size=6)
    assert_people(table, [0.0, 0.5, 0.0])
    assert table.frames.read(np.array([1]))[0, 0, 0].tolist() == [200, 100, 0]


def test_npz_of_features(tmp_path: Path) -> None:
    table = load_table(write_npz(tmp_path))
    assert_people(table, [0.0, 1.0, 0.0])
    assert table.features.dtype == np.float32
    assert table.features.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert load_table(write_npz(tmp_path, time_s=np.array([3.0, 2.5, 0.0]))).time_s.tolist() == [3.0, 2.5, 0.0]


def test_integer_labels_and_names_are_taken(tmp_path: Path) -> None:
    table = load_table(write_npz(tmp_path, y=np.array([[1, 0], [0, -1], [0, 0]]), subject=np.array([7, 7, 8])))
    assert table.subject.tolist() == ["7", "7", "8"]
    assert table.affect.tolist() == [[1, 0], [0, -1], [0, 0]]


def test_synthetic_is_what_its_settings_say() -> None:
    table = load_table("synthetic:sources=2,targets=1,seconds=2,fps=1.5,seed=4", frame_size=32)
    config = SyntheticConfig(sources=2, targets=1, seconds=2, fps=1.5, seed=4, size=32)
    assert table.synthetic
    assert len(table) == 9  # 3 people x 2 s x 1.5 frames a second
    assert table.digest == synthetic_table(config).digest
    assert isinstance(table.frames, ArrayFrames)


def line(number: int, old: str, new: str) -> str:
    """The good CSV with one line changed; line 1 is the header, so that line 2 is row 1."""
    lines = CSV.splitlines()
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line(1, "valence", "pleasure"), "column 'valence' is missing; there are subject, role, time_s, pleasure"),
        (line(1, "image", "picture"), "there is no column 'image' but 'picture'; rename it to 'image'"),
        (line(1, "image", "face"), "give either a column 'image' or a column 'feature'"),
        (line(1, "arousal", "valence"), "valence.* exists 2 times"),
        (line(2, "0.25", "1.5"), r"row 1: valence is 1\.5; labels must lie in \[-1, 1\]"),
        (line(3, ",-1,", ",nan,"), "row 2: arousal is nan"),
        (line(3, ",-1,", ",,"), "row 2: arousal is nan"),
        (line(4, "target", "traget"), "row 3: role 'traget' is not source or target"),
        (line(4, "NA,target,0.0", "007,target,9"), "subject '007' is both source and target"),
        (line(3, "b.png", "c.png"), r"row 2: image \S*c\.png does not exist"),
        (line(3, "b.png", ""), "row 2: image is empty"),
        (line(4, "NA", ""), "row 3: subject is empty"),
        (line(3, "1,-1", "high,-1"), "row 2: valence is 'high', not a number"),
        (line(3, ",b.png", ""), "row 2: 5 columns where the header names 6"),
        (CSV.splitlines()[0] + "\n", "the table has no rows"),
        ("", "Empty CSV file"),
    ],
)
def test_bad_csv_is_refused_by_row_and_column(images: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.csv: .*{message}") as caught:
        load_table(write_csv(images, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_image_is_named_when_it_is_read(images: Path) -> None:
    (images / "b.png").write_text("not pixels")
    table = load_table(write_csv(images))
    with pytest.raises(BadInput, match=r"b\.png: not an image"):
        table.frames.read(slice(None))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arousal": None}, "column 'arousal' is missing; there are subject, role, time_s, valence and feature"),
        ({"feature": None}, "give either a column 'image' or a column 'feature'"),
        ({"image": ["a.png"] * 3}, "give either a column 'image' or a column 'feature'"),
        ({"feature": [[1.0, 2.0], [3.0], [5.0, 6.0]]}, "feature vectors must all be lists of the same number"),
        ({"feature": [[1.0, 2.0], None, [5.0, 6.0]]}, "feature vectors must all be lists of the same number"),
        ({"feature": [[1.0, 2.0], [3.0, float("nan")], [5.0, 6.0]]}, "row 2: the feature vector holds NaN"),
        ({"feature": [[], [], []]}, r"features must be \[3, D_z\], not \[3, 0\]"),
        ({"feature": [1.0, 2.0, 3.0]}, r"features must be \[3, D_z\], not \[3\]"),
        ({"valence": ["low", "high", "none"]}, "column 'valence' holds something that is not a number"),
        ({"time_s": ["noon", "one", "two"]}, "column 'time_s' holds something that is not a number"),
        ({"valence": [0.25, None, 0.0]}, "row 2: valence is nan"),
        ({"subject": ["007", None, "NA"]}, "row 2: subject is empty"),
        ({"role": ["source", "source", None]}, "row 3: role is empty"),
    ],
)
def test_bad_parquet_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.parquet: .*{message}"):
        load_table(write_parquet(tmp_path, **changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"z": None}, "array 'z' is missing; there are y, subject and role"),
        ({"role": None}, "array 'role' is missing"),
        ({"y": np.zeros((3, 3))}, r"y must be \[N, 2\] \(valence, arousal\), not \[3, 3\]"),
        ({"y": np.zeros(3)}, r"y must be \[N, 2\] \(valence, arousal\), not \[3\]"),
        ({"y": np.full((3, 2), "much")}, "column 'valence' holds something that is not a number"),
        ({"y": np.array([[0, 0], [0, 0], [0, -1.5]])}, r"row 3: arousal is -1\.5"),
        ({"z": np.zeros((2, 4))}, "3 subjects but 2 values of content"),
        ({"z": np.zeros(3)}, r"features must be \[3, D_z\], not \[3\]"),
        ({"subject": np.array("007")}, "1 subjects but 3 values of role"),
        ({"subject": np.array(["a", "b", 3], dtype=object)}, "not a readable .npz file without Python objects"),
        ({"z": np.array([[1.0], [2.0, 3.0], [4.0]], dtype=object)}, "not a readable .npz file without Python objects"),
    ],
)
def test_bad_npz_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.npz: .*{message}"):
        load_table(write_npz(tmp_path, **changed))


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def replaced_by_text(content: bytes) -> bytes:
    return b"plain text"


def one_byte_off(content: bytes) -> bytes:
    """Change the first number of z, which is the only 1.0 before the second: the zip checksum no longer holds."""
    number = np.float64(1.0).tobytes()
    assert number in content
    return content.replace(number, np.float64(1.5).tobytes(), 1)


@pytest.mark.parametrize(
    ("write", "damage"),
    [
        (write_parquet, cut_short),
        (write_parquet, emptied),
        (write_parquet, replaced_by_text),
        (write_npz, cut_short),
        (write_npz, emptied),
        (write_npz, replaced_by_text),
        (write_npz, one_byte_off),  # Parquet files are written without checksums
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, write: Any, damage: Any) -> None:
    path = Path(write(tmp_path))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadInput, match=rf"people\{path.suffix}: "):
        load_table(str(path))


def test_a_lone_array_under_the_name_of_many_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "people.npy", NPZ["z"])
    (tmp_path / "people.npy").rename(tmp_path / "people.npz")
    with pytest.raises(BadInput, match=r"people\.npz: not a readable \.npz file"):
        load_table(str(tmp_path / "people.npz"))


@pytest.mark.parametrize("name", ["people.csv", "people.parquet", "people.npz"])
def test_missing_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=rf"{name} does not exist"):
        load_table(str(tmp_path / name))


@pytest.mark.parametrize("name", ["people.xlsx", "people", "synthetics"])
def test_other_kinds_of_data_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=rf"{name}: give 'synthetic', a prepared folder, or a \.csv"):
        load_table(name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("bad=1", "synthetic:bad=1: unknown setting 'bad'; there are sources, targets, seconds, fps and seed"),
        ("sources=two", "synthetic:sources=two: sources: Input should be a valid integer"),
        ("sources", "synthetic:sources: sources: Input should be a valid integer"),
        ("sources=-1", "sources: Input should be greater than or equal to 0"),
        ("seconds=nan", "seconds: Input should be a finite number"),
    ],
)
def test_bad_synthetic_settings_are_refused(settings: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        load_table(f"synthetic:{settings}")
