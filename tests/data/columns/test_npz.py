"""npz files as numpy, MATLAB and pandas users make them hold the same table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pen_mobile.data.columns.table_file import read_table_file
from pen_mobile.data.columns.values import names_of, numbers_of, seconds_of
from pen_mobile.errors import BadInput

GOOD: dict[str, Any] = {
    "z": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "y": np.array([[0.5, -0.25], [-1.0, 1.0], [0.125, 0.0]]),
    "subject": np.array(["ann", "ann", "bob"]),
    "role": np.array(["source", "source", "target"]),
    "time_s": np.array([0.0, 1.5, 0.0]),
}


def write(folder: Path, **changed: Any) -> Path:
    path = folder / "people.npz"
    np.savez(path, **{name: values for name, values in (GOOD | changed).items() if values is not None})
    return path


def column(name: str) -> np.ndarray:
    return GOOD[name][:, None]


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": column("subject")},
        {"role": column("role")},
        {"time_s": column("time_s")},
        {"subject": column("subject").T, "role": column("role").T, "time_s": column("time_s").T},
        {"subject": GOOD["subject"].astype("S")},
        {"role": GOOD["role"].astype("S10")},
        {"time_s": np.array([0, 1500, 0], "timedelta64[ms]")},
        {"time_s": np.array([0, 1_500_000_000, 0], "timedelta64[ns]")},
        {"time_s": np.array(["2020-01-01T10:00:00", "2020-01-01T10:00:01.5", "1999-01-01"], "datetime64[ms]")},
        {"time_s": np.array([0, 1.5, 0], ">f8")},
        {"z": np.asfortranarray(GOOD["z"].astype(">f4"))},
        {"z": GOOD["z"].astype(np.float16)},
        {"z": GOOD["z"].astype(np.int16)},
        {"y": GOOD["y"].astype(np.float16)},
        {"y": np.asfortranarray(GOOD["y"])},
        {"z": None, "Z": GOOD["z"]},
        {"other": np.zeros((3, 4, 5))},
    ],
    ids=lambda changed: "+".join(
        f"{name} {value.dtype}{value.shape}" for name, value in changed.items() if value is not None
    ),
)
def test_shapes_and_types_of_arrays(tmp_path: Path, changed: dict[str, Any]) -> None:
    table = read_table_file(write(tmp_path, **changed))
    assert table.subject == ["ann", "ann", "bob"]
    assert table.role == ["source", "source", "target"]
    assert table.time_s.tolist() == [0.0, 1.5, 0.0]
    assert table.affect.tolist() == [[0.5, -0.25], [-1, 1], [0.125, 0]]
    np.testing.assert_array_equal(table.content, GOOD["z"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"time_s": None, "time": np.zeros(3)},
            r"no array 'time_s' but 'time'; rename it to 'time_s' \(seconds",
        ),
        ({"time_s": None, "times": np.zeros(3)}, "there is no array 'time_s' but 'times'"),
        ({"time_s": None, "timestamp": np.zeros(3)}, "there is no array 'time_s' but 'timestamp'"),
        ({"z": None, "features": GOOD["z"]}, "there is no array 'z' but 'features'"),
        ({"y": None, "labels": GOOD["y"]}, "there is no array 'y' but 'labels'"),
        ({"subject": None, "subjects": GOOD["subject"]}, "there is no array 'subject' but 'subjects'"),
        ({"role": None, "split": GOOD["role"]}, "there is no array 'role' but 'split'"),
        ({"z": None, "arr_0": GOOD["z"]}, "arrays have no names; save them as numpy.savez"),
        ({"subject": np.zeros((3, 2))}, r"'subject' must be \[N\], not \[3, 2\]"),
        ({"time_s": np.zeros((3, 2))}, r"'time_s' must be \[N\], not \[3, 2\]"),
        ({"subject": np.array([b"\xff", b"a", b"b"])}, "row 1: subject: .* is not UTF-8 text"),
        ({"y": GOOD["y"].T}, r"y must be \[N, 2\] \(valence, arousal\), not \[2, 3\]"),
        ({"y": GOOD["y"] > 0}, "column 'valence' holds something that is not a number"),
        ({"y": GOOD["y"].astype(complex)}, r"not a number \(complex numbers\)"),
        ({"z": GOOD["z"].astype(complex)}, r"not a number \(complex numbers\)"),
        ({"z": np.zeros((3, 2, 2))}, r"features must be \[3, D_z\], not \[3, 2, 2\]"),
        ({"z": np.zeros((3, 0))}, r"features must be \[3, D_z\], not \[3, 0\]"),
        ({"time_s": np.array(["0", "1", "2"])}, r"column 'time_s' holds something that is not a number \(text\)"),
        ({"Subject": GOOD["subject"]}, "column 'subject' exists 2 times"),
    ],
)
def test_arrays_that_cannot_be_are_refused_by_name(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"people\.npz: .*{message}") as caught:
        read_table_file(write(tmp_path, **changed))
    assert "\n" not in str(caught.value)


UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@settings(deadline=None)
@given(
    ticks=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6),
    unit=st.sampled_from(sorted(UNITS)),
    shape=st.sampled_from(["flat", "column", "row"]),
)
def test_durations_of_any_unit_are_seconds(ticks: list[int], unit: str, shape: str) -> None:
    times = np.array(ticks, f"timedelta64[{unit}]")
    times = {"flat": times, "column": times[:, None], "row": times[None]}[shape]
    seconds = seconds_of(times, ["ann"] * len(ticks), "here")
    np.testing.assert_allclose(seconds, np.array(ticks) * UNITS[unit], rtol=1e-12)


@settings(deadline=None)
@given(
    ticks=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
    people=st.integers(1, 3),
)
def test_points_in_time_count_from_the_subjects_first(ticks: list[int], unit: str, people: int) -> None:
    subject = [f"s{place % people}" for place in range(len(ticks))]
    seconds = seconds_of(np.array(ticks, f"datetime64[{unit}]"), subject, "here")
    for name in set(subject):
        mine = [place for place, owner in enumerate(subject) if owner == name]
        own = np.array([ticks[place] for place in mine])
        np.testing.assert_allclose(seconds[mine], (own - own.min()) * UNITS[unit], rtol=1e-12)


@given(values=arrays.arrays(dtype=arrays.integer_dtypes() | arrays.floating_dtypes(), shape=st.integers(0, 5)))
def test_numbers_of_any_type_keep_their_value(values: np.ndarray) -> None:
    np.testing.assert_array_equal(numbers_of(values, "x", "here"), values.astype(np.float64))


@given(
    values=arrays.arrays(
        dtype=arrays.scalar_dtypes() | arrays.unicode_string_dtypes(), shape=arrays.array_shapes(max_dims=3)
    )
)
def test_any_array_is_a_column_of_numbers_or_refused(values: np.ndarray) -> None:
    try:
        found = numbers_of(values, "x", "here")
    except BadInput as error:
        assert str(error).startswith("here: ")  # noqa: PT017  either is fine, but nothing else
    else:
        assert found.shape == (values.size,)
        assert values.dtype.kind in "iuf"


@given(names=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=1))
def test_names_as_text_and_as_bytes_are_the_same(names: list[str]) -> None:
    expected = [name.strip() for name in names]
    assert names_of(list(names), "subject", "here") == expected
    assert names_of([name.encode() for name in names], "subject", "here") == expected
