"""A RECOLA tree made file by file in the layout of AVEC 2016, read rating by rating."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.readers.recola import LAGGED_PAST_THE_END, read_individual_ratings, read_recola
from pen_mobile.data.readers.recording import Recording
from pen_mobile.errors import BadInput

HEADER = (
    "@relation GOLDSTANDARD\r\n\r\n@attribute Instance_name string\r\n@attribute frameTime numeric\r\n"
    "@attribute GoldStandard numeric\r\n\r\n@data\r\n\r\n"
)


def write_ratings(root: Path, dimension: str, name: str, values: Sequence[float], step_s: float = 0.04) -> Path:
    """Times print as ``0``, ``0.04``, ``0.2``, ``300``."""
    folder = root / "ratings_gold_standard" / dimension
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{name},{round(row * step_s, 2):g},{value:.6g}\r\n" for row, value in enumerate(values))
    path = folder / f"{name}.arff"
    path.write_bytes((HEADER + rows).encode())
    return path


def write_person(root: Path, name: str, valence: Sequence[float], arousal: Sequence[float]) -> None:
    """Reading ratings opens no video: an empty file stands for it."""
    (root / "recordings_video").mkdir(exist_ok=True)
    (root / "recordings_video" / f"{name}.mp4").touch()
    write_ratings(root, "valence", name, valence)
    write_ratings(root, "arousal", name, arousal)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three people, and everything else that lies in the same folders."""
    write_person(tmp_path, "dev_1", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [-0.1, -0.2, -0.3, -0.4, -0.5, -0.6])
    write_person(tmp_path, "train_10", [1, -1], [0.5, -0.5])
    write_person(tmp_path, "train_2", [0, 0.25], [0.75, -0.75])
    for name in ("test_1", "train_all", "gs_train_1", "conc_dev", "stand_dev_1", "dev_1_old"):
        (tmp_path / "ratings_gold_standard" / "valence" / f"{name}.arff").write_text("not to be read")
    (tmp_path / "ratings_gold_standard" / "arousal" / "test_1.arff").write_text("not to be read")
    (tmp_path / "recordings_video" / "test_1.mp4").touch()
    return tmp_path


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """One person rated six times."""
    write_person(tmp_path, "dev_1", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [-0.1, -0.2, -0.3, -0.4, -0.5, -0.6])
    return tmp_path


def dev_1(tree: Path, valence_lag_s: float, arousal_lag_s: float) -> Recording:
    return read_recola(tree, (valence_lag_s, arousal_lag_s))[-1]


def test_people_roles_times_and_labels(tree: Path) -> None:
    train_2, train_10, dev = read_recola(tree)
    assert [(one.subject, one.role) for one in (train_2, train_10, dev)] == [
        ("train_2", "source"),
        ("train_10", "source"),
        ("dev_1", "target"),
    ]
    assert train_2.time_s.tolist() == [0.0, 0.04]
    assert train_2.affect.tolist() == [[0.0, 0.75], [0.25, -0.75]]
    assert train_10.affect.tolist() == [[1.0, 0.5], [-1.0, -0.5]]
    assert dev.images == tree / "recordings_video" / "dev_1.mp4"
    assert dev.origin == str(tree / "ratings_gold_standard" / "valence" / "dev_1.arff")
    assert dev.time_s.dtype == np.float64
    assert dev.time_s.tolist() == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    assert dev.affect.dtype == np.float32
    valence = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_array_equal(dev.affect, np.stack([valence, -valence], axis=1).astype(np.float32))
    assert dev.dropped == {}


def test_all_7501_ratings_survive_and_the_first_frame_is_not_lost(tmp_path: Path) -> None:
    valence = np.round(np.sin(np.arange(7501) / 500), 6)
    arousal = np.round(np.cos(np.arange(7501) / 300), 6)
    write_person(tmp_path, "train_1", valence.tolist(), arousal.tolist())
    lines = (tmp_path / "ratings_gold_standard" / "valence" / "train_1.arff").read_bytes().split(b"\r\n")
    assert [lines[8 + row].split(b",")[1] for row in (0, 1, 5, 7500)] == [b"0", b"0.04", b"0.2", b"300"]
    (one,) = read_recola(tmp_path)
    assert len(one) == 7501
    assert one.time_s[0] == 0.0
    assert one.time_s[-1] == 300.0
    np.testing.assert_array_equal(one.time_s, np.round(np.arange(7501) * 0.04, 2))
    np.testing.assert_array_equal(one.affect, np.stack([valence, arousal], axis=1).astype(np.float32))

    # 2.8 s are 70 steps and 2.4 s are 60: the label at t is valence[t + 70] and arousal[t + 60]; 70 rows fall off.
    (late,) = read_recola(tmp_path, lag_s=(2.8, 2.4))
    assert len(late) == 7431
    assert late.dropped == {LAGGED_PAST_THE_END: 70}
    np.testing.assert_array_equal(late.time_s, one.time_s[:7431])
    np.testing.assert_array_equal(late.affect[:, 0], one.affect[70:, 0])
    np.testing.assert_array_equal(late.affect[:, 1], one.affect[60:7491, 1])


def test_the_lag_of_each_dimension_is_its_own(alone: Path) -> None:
    """Two steps for valence, one for arousal: what is felt at 0 s was rated at 0.08 s and at 0.04 s."""
    one = dev_1(alone, 0.08, 0.04)
    assert one.time_s.tolist() == [0.0, 0.04, 0.08, 0.12]
    assert one.affect.tolist() == np.float32([[0.3, -0.2], [0.4, -0.3], [0.5, -0.4], [0.6, -0.5]]).tolist()
    assert one.dropped == {LAGGED_PAST_THE_END: 2}


def test_a_lag_between_two_ratings_takes_the_nearer(alone: Path) -> None:
    one = dev_1(alone, 0.09, 0.0)
    assert one.time_s.tolist() == [0.0, 0.04, 0.08, 0.12]
    assert one.affect[:, 0].tolist() == np.float32([0.3, 0.4, 0.5, 0.6]).tolist()


def test_a_lag_finds_no_rating_inside_a_gap(tmp_path: Path) -> None:
    write_person(tmp_path, "dev_1", [0.0] * 6, [0.0] * 6)
    for dimension in ("valence", "arousal"):
        path = tmp_path / "ratings_gold_standard" / dimension / "dev_1.arff"
        path.write_bytes(b"".join(row for row in path.read_bytes().splitlines(True) if b",0.12," not in row))
    assert dev_1(tmp_path, 0.0, 0.0).time_s.tolist() == [0.0, 0.04, 0.08, 0.16, 0.2]
    assert dev_1(tmp_path, 0.04, 0.0).time_s.tolist() == [0.0, 0.04, 0.16]


@pytest.mark.parametrize("lag_s", [(-0.1, 0.0), (0.0, float("nan")), (float("inf"), 0.0)])
def test_impossible_lags_are_refused(tree: Path, lag_s: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match=r"the lag of (valence|arousal) is \S+ s; give seconds, 0 or more"):
        read_recola(tree, lag_s)


def test_a_lag_longer_than_the_ratings_is_refused(tree: Path) -> None:
    with pytest.raises(BadInput, match=r"train_2\.arff: no rated moment is left"):
        read_recola(tree, (2.8, 2.4))


def test_a_missing_video_is_named(tree: Path) -> None:
    (tree / "recordings_video" / "train_2.mp4").unlink()
    with pytest.raises(BadInput, match=r"recordings_video/train_2\.mp4 is missing; train_2\.arff rates it"):
        read_recola(tree)


@pytest.mark.parametrize("dimension", ["valence", "arousal"])
def test_a_missing_dimension_is_named(tree: Path, dimension: str) -> None:
    (tree / "ratings_gold_standard" / dimension / "dev_1.arff").unlink()
    with pytest.raises(BadInput, match=rf"{dimension}/dev_1\.arff is missing; the other dimension has it"):
        read_recola(tree)


def test_dimensions_that_disagree_in_length_are_named(tree: Path) -> None:
    write_ratings(tree, "arousal", "train_2", [0.0, 0.1, 0.2])
    with pytest.raises(BadInput, match=r"valence/train_2\.arff rates 2 times but \S+arousal/train_2\.arff rates 3"):
        read_recola(tree)


def test_dimensions_that_disagree_in_time_are_named(tree: Path) -> None:
    write_ratings(tree, "arousal", "train_2", [0.0, 0.1], step_s=0.05)
    with pytest.raises(BadInput, match=r"valence/train_2\.arff and \S+arousal/train_2\.arff: row 2: 0\.04 s and 0\.05"):
        read_recola(tree)


def test_a_label_out_of_range_is_named_by_file_and_line(tree: Path) -> None:
    write_ratings(tree, "arousal", "train_2", [0.0, 1.25])
    with pytest.raises(BadInput, match=r"arousal/train_2\.arff: line 10: GoldStandard is 1\.25"):
        read_recola(tree)


def test_a_folder_without_ratings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"ratings_gold_standard/valence: cannot be read as a folder: No such file"):
        read_recola(tmp_path)
    for dimension in ("valence", "arousal"):
        (tmp_path / "ratings_gold_standard" / dimension).mkdir(parents=True)
    with pytest.raises(BadInput, match=r"no train_k\.arff and no dev_k\.arff"):
        read_recola(tmp_path)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ratings_gold_standard").mkdir()
    (tmp_path / "ratings_gold_standard" / "valence").write_text("")
    with pytest.raises(BadInput, match="valence: cannot be read as a folder: Not a directory"):
        read_recola(tmp_path)


RATERS = (
    b"time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3\r\n"
    b"0;0.1;0.2;0.3;-0.1;-0.2;-0.3\r\n"
    b"0.04;0;0;0;0;0;1\r\n"
    b"300;-1;1;0.5;-0.5;0.25;-0.25\r\n"
)


def write_raters(folder: Path, content: bytes) -> Path:
    path = folder / "train_1.csv"
    path.write_bytes(content)
    return path


def test_individual_ratings_are_read_one_by_one(tmp_path: Path) -> None:
    names, time_s, values = read_individual_ratings(write_raters(tmp_path, RATERS))
    assert names == ["FM1", "FM2", "FM3", "FF1", "FF2", "FF3"]
    assert time_s.tolist() == [0.0, 0.04, 300.0]
    assert values.tolist() == [
        [0.1, 0.2, 0.3, -0.1, -0.2, -0.3],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [-1.0, 1.0, 0.5, -0.5, 0.25, -0.25],
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"time", b"t", "line 1: give the header time;rater;rater"),
        (b";", b",", "line 1: give the header time;rater;rater"),
        (b"0.04;0;", b"0.04;", "line 3: 6 values where the header names 7"),
        (b";0.2;0.3", b";NaN;0.3", "line 2: FM2 is nan"),
        (b";0.2;0.3", b";;0.3", "line 2: FM2 is missing"),
        (b";0.2;0.3", b";x;0.3", "line 2: FM2 is 'x', not a number"),
        (RATERS[RATERS.index(b"0;0.1") :], b"", "no ratings; a header and one line for each time are needed"),
        (RATERS, b"", "no ratings; a header and one line for each time are needed"),
    ],
)
def test_bad_individual_ratings_are_refused(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    assert old in RATERS
    with pytest.raises(BadInput, match=rf"train_1\.csv: {message}"):
        read_individual_ratings(write_raters(tmp_path, RATERS.replace(old, new)))
