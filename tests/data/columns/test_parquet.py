"""Parquet files in every type that pandas, Hugging Face and Spark write hold the same table."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from pen_mobile.data.columns.table_file import read_table_file
from pen_mobile.data.load import load_table
from pen_mobile.errors import BadInput

GOOD: dict[str, Any] = {
    "subject": ["ann", "ann", "bob"],
    "role": ["source", "source", "target"],
    "time_s": [0.0, 1.5, 0.0],
    "valence": [0.5, -1.0, 0.125],
    "arousal": [-0.25, 1.0, 0.0],
    "feature": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
}
PNG = cv2.imencode(".png", np.full((8, 8, 3), 77, np.uint8))[1].tobytes()


def write(folder: Path, **changed: Any) -> Path:
    path = folder / "people.parquet"
    columns = {name: values for name, values in (GOOD | changed).items() if values is not None}
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": pa.array(["ann", "ann", "bob"]).dictionary_encode()},
        {"subject": pa.array([b"ann", b"ann", b"bob"])},
        {"subject": pa.array(["ann ", " ann", "bob"], pa.large_string())},
        {"role": pa.array(["source", "source", "target"]).dictionary_encode()},
        {"valence": pa.array([0.5, -1.0, 0.125], pa.float16())},
        {"valence": pa.array([decimal.Decimal("0.5"), decimal.Decimal("-1.0"), decimal.Decimal("0.125")])},
        {"valence": pa.array([0.5, -1.0, 0.125], pa.float32()).dictionary_encode()},
        {"time_s": pa.array([0, 1500, 0], pa.duration("ms"))},
        {"time_s": pa.array([0, 1_500_000_000, 0], pa.duration("ns"))},
        {"time_s": pa.array([10_000, 11_500, 99_000], pa.timestamp("ms"))},
        {"time_s": pa.array([10_000_000, 11_500_000, 7], pa.timestamp("us", "Europe/Berlin"))},
        {"feature": pa.array(GOOD["feature"], pa.list_(pa.float32(), 2))},
        {"feature": pa.array(GOOD["feature"], pa.large_list(pa.float64()))},
        {"feature": pa.array(GOOD["feature"], pa.list_(pa.float16()))},
        {"feature": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8()))},
        {"feature": None, "FEATURE": GOOD["feature"]},
        {"remark": ["x", "y", "z"]},
    ],
    ids=lambda changed: "+".join(f"{name} {getattr(value, 'type', '')}" for name, value in changed.items()),
)
def test_types_of_columns(tmp_path: Path, changed: dict[str, Any]) -> None:
    table = read_table_file(write(tmp_path, **changed))
    assert table.subject == GOOD["subject"]
    assert table.role == GOOD["role"]
    assert table.time_s.tolist() == [0.0, 1.5, 0.0]
    assert table.affect.tolist() == [[0.5, -0.25], [-1, 1], [0.125, 0]]
    np.testing.assert_array_equal(table.content, GOOD["feature"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([{"bytes": PNG, "path": "a.png"}] * 3, "bytes"),
        ([{"bytes": PNG, "path": None}] * 3, "bytes"),
        ([{"bytes": None, "path": "a.png"}] * 3, "path"),
        ([PNG] * 3, "bytes"),
        (["a.png"] * 3, "path"),
        (pa.array(["a.png"] * 3).dictionary_encode(), "path"),
        (pa.array([PNG] * 3, pa.large_binary()), "bytes"),
    ],
)
def test_images_as_paths_bytes_and_structs(tmp_path: Path, values: Any, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    table = load_table(str(write(tmp_path, feature=None, image=values)), frame_size=8)
    assert table.content(np.arange(3)).tolist() == np.full((3, 8, 8, 3), 77).tolist()
    (tmp_path / "a.png").unlink()
    if kind == "path":
        with pytest.raises(BadInput, match=r"row 1: image .*does not exist"):
            load_table(str(tmp_path / "people.parquet"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subject": pa.array([b"\xff", b"a", b"b"])}, r"row 1: subject: b'\\xff' is not UTF-8 text"),
        ({"subject": [[1], [2], [3]]}, r"row 1: subject is list"),
        ({"subject": [True, True, False]}, "row 1: subject is bool"),
        ({"subject": ["a" * 300] * 3}, "row 1: subject has 300 characters"),
        ({"valence": ["0.5", "1", "0"]}, r"column 'valence' holds something that is not a number \(string\)"),
        ({"valence": [True, False, True]}, r"column 'valence' holds something that is not a number \(bool\)"),
        ({"time_s": [datetime.time(1, 2, 3)] * 3}, r"column 'time_s' holds something that is not a number \(time64"),
        ({"time_s": ["00:00:01"] * 3}, r"column 'time_s' holds something that is not a number"),
        ({"feature": [[[1.0]], [[2.0]], [[3.0]]]}, "feature"),
        ({"feature": [["x"], ["y"], ["z"]]}, "feature"),
        ({"feature": None, "image": [1, 2, 3]}, "row 1: image is int; give a path or the bytes of an image file"),
        ({"feature": None, "image": [{"url": "x"}] * 3}, "row 1: image is dict"),
        ({"feature": None, "image": [None, "a", "b"]}, "row 1: image is empty"),
        (
            {"time_s": None, "time": [0.0, 1.0, 2.0]},
            r"no column 'time_s' but 'time'; rename it to 'time_s' \(s",
        ),
        ({"subject": None, "Subject_ID": ["a", "b", "c"]}, "there is no column 'subject' but 'subject_id'"),
        ({"subject": None, "SUBJECT ": ["a", "b", "c"], "Subject": ["a", "b", "c"]}, "'subject' exists 2 times"),
    ],
)
def test_types_that_cannot_be_are_refused_by_name(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.parquet: .*{message}") as caught:
        load_table(str(write(tmp_path, **changed)))
    assert "\n" not in str(caught.value)


def test_columns_that_nothing_reads_are_named(tmp_path: Path) -> None:
    class Listener:
        def __init__(self) -> None:
            self.said: list[str] = []

        def say(self, message: str) -> None:
            self.said.append(message)

    listener = Listener()
    path = write(tmp_path, age=[1, 2, 3], Remark=["x", "y", "z"], __index_level_0__=[0, 1, 2])
    read_table_file(path, listener)  # type: ignore[arg-type]
    assert listener.said == [f"{path}: not used: age, remark"]
