"""Aff-Wild2 text files made byte by byte, with crops or a video, read frame by frame."""

from __future__ import annotations

from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pen_mobile.data.readers.aff_wild2 import AFTER_THE_VIDEO, INVALID, NO_CROP, read_aff_wild2, read_ratings
from pen_mobile.errors import BadInput
from pen_mobile.utils.progress import SILENT, Task

TEXT = b"valence,arousal\r\n0.5,-0.25\r\n-5,-5\r\n-1,1\r\n0.125,-5.0\r\n0,0.75\r\n"
VA = "annotations/VA_Estimation_Challenge"


class Listener:
    """A listener that remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def task(self, name: str, total: int | None = None) -> AbstractContextManager[Task]:
        return SILENT.task(name, total)

    def say(self, message: str) -> None:
        self.said.append(message)


def write_text(root: Path, place: str, content: bytes = TEXT) -> Path:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_crops(root: Path, name: str, numbers: list[int]) -> Path:
    folder = root / "cropped_aligned" / name
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"{number:05d}.jpg").touch()
    return folder


def write_video(path: Path, times_ms: list[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_ms in times_ms:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_frames_from_crops_and_invalid_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    path = write_text(tmp_path, f"{VA}/Train_Set/7-60-1920x1080.txt")
    folder = write_crops(tmp_path, "7-60-1920x1080", [1, 2, 3, 4, 5])
    listener = Listener()
    (one,) = read_aff_wild2(tmp_path, fps=25, progress=listener)
    assert one.subject == "7-60-1920x1080"
    assert one.role == "source"
    assert one.images == [folder / "00001.jpg", folder / "00003.jpg", folder / "00005.jpg"]
    assert one.time_s.tolist() == [0.0, 0.08, 0.16]
    assert one.affect.dtype == np.float32
    assert one.affect.tolist() == [[0.5, -0.25], [-1.0, 1.0], [0.0, 0.75]]
    assert one.origin == str(path)
    assert one.dropped == {INVALID: 2}
    assert listener.said == ["7-60-1920x1080: 3 of 5 rated frames kept; 2 marked invalid (-5)"]


def test_frames_without_a_crop_are_dropped_and_counted(tmp_path: Path) -> None:
    write_text(tmp_path, "Validation_Set/a_left.txt")
    folder = write_crops(tmp_path, "a_left", [1, 2, 5])
    (folder / ".DS_Store").touch()
    (one,) = read_aff_wild2(tmp_path)
    assert one.role == "target"
    assert one.images == [folder / "00001.jpg", folder / "00005.jpg"]
    np.testing.assert_allclose(one.time_s, [0, 4 / 30])
    assert one.dropped == {INVALID: 2, NO_CROP: 1}


def test_frames_from_the_video_have_its_own_timestamps(tmp_path: Path) -> None:
    """The frame rate varies: line 2 rates the frame at 0 ms, line 4 the one at 100 ms, line 6 the one at 350 ms."""
    write_text(tmp_path, f"{VA}/Validation_Set/video1.txt")
    video = write_video(tmp_path / "batch1" / "video1.mp4", [0, 33, 100, 300, 350, 400])
    (one,) = read_aff_wild2(tmp_path)
    assert one.images == video
    assert one.time_s.tolist() == [0.0, 0.1, 0.35]
    assert one.affect.tolist() == [[0.5, -0.25], [-1.0, 1.0], [0.0, 0.75]]


def test_ratings_after_the_end_of_the_video_are_dropped_and_counted(tmp_path: Path) -> None:
    write_text(tmp_path, "Train_Set/video1.txt")
    write_video(tmp_path / "video1.mp4", [0, 40, 80])
    listener = Listener()
    (one,) = read_aff_wild2(tmp_path, progress=listener)
    assert one.time_s.tolist() == [0.0, 0.08]
    assert one.dropped == {INVALID: 2, AFTER_THE_VIDEO: 1}
    assert listener.said == [
        "video1: 2 of 5 rated frames kept; 2 marked invalid (-5), 1 after the end of the video",
    ]


def test_only_valence_and_arousal_of_train_and_validation_are_read(tmp_path: Path) -> None:
    for place in ("Validation_Set/a.txt", "Train_Set/c.txt", "Train_Set/b.txt"):
        write_text(tmp_path, f"{VA}/{place}")
    for name in "abc":
        write_crops(tmp_path, name, [1, 2, 3, 4, 5])
    write_text(tmp_path, f"{VA}/Test_Set/d.txt", b"not to be read")
    write_text(tmp_path, "annotations/EXPR_Classification_Challenge/Train_Set/a.txt", b"Neutral,Anger\n0\n")
    write_text(tmp_path, f"{VA}/Train_Set/readme.md", b"not to be read")
    read = read_aff_wild2(tmp_path)
    assert [(one.subject, one.role) for one in read] == [("b", "source"), ("c", "source"), ("a", "target")]


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_every_row_of_a_text_file_stays_in_its_place(tmp_path: Path, end: bytes) -> None:
    values = read_ratings(write_text(tmp_path, "a.txt", TEXT + end))
    nan = float("nan")
    np.testing.assert_array_equal(values, [[0.5, -0.25], [nan, nan], [-1, 1], [nan, nan], [0, 0.75]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"valence,arousal\r\n", b"", "line 1: the header must be valence,arousal"),
        (b"valence,arousal", b"arousal,valence", "line 1: the header must be valence,arousal"),
        (b"-1,1", b"-1,1.5", r"line 4: arousal is 1\.5; ratings must lie in \[-1, 1\]"),
        (b"-1,1", b"-4.9,1", r"line 4: valence is -4\.9; ratings must lie in \[-1, 1\]"),
        (b"-1,1", b"nan,1", "line 4: valence is nan"),
        (b"-1,1", b",1", "line 4: valence is missing"),
        (b"-1,1", b"-1,x", "line 4: arousal is 'x', not a number"),
        (b"-1,1", b"-1", "line 4: 1 values where valence,arousal are needed"),
        (b"-1,1", b"-1,1,0", "line 4: 3 values where valence,arousal are needed"),
        (b"-1,1\r\n", b"\r\n", "line 4: is empty; every frame needs a line"),
        (TEXT[17:], b"", "no ratings follow the header"),
        (TEXT, b"", "line 1: the header must be valence,arousal"),
    ],
)
def test_bad_text_is_refused_by_file_and_line(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    assert old in TEXT
    with pytest.raises(BadInput, match=rf"a\.txt: {message}"):
        read_ratings(write_text(tmp_path, "a.txt", TEXT.replace(old, new)))


def test_ratings_without_pictures_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path, "Train_Set/a.txt")
    with pytest.raises(BadInput, match=r"a\.txt: neither \S+cropped_aligned/a nor a video a\.mp4 or a\.avi is there"):
        read_aff_wild2(tmp_path)


def test_one_of_two_people_needs_crops(tmp_path: Path) -> None:
    write_text(tmp_path, "Train_Set/a_right.txt")
    write_video(tmp_path / "a.mp4", [0, 40])
    with pytest.raises(BadInput, match=r"a_right\.txt: one of several people in a video; .*cropped_aligned/a_right"):
        read_aff_wild2(tmp_path)


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    write_text(tmp_path, "Train_Set/a.txt")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(BadInput, match=r"a\.mp4: not a video that can be read"):
        read_aff_wild2(tmp_path)


def test_a_person_with_no_valid_rating_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path, "Train_Set/a.txt", b"valence,arousal\n-5,-5\n")
    write_crops(tmp_path, "a", [1])
    with pytest.raises(BadInput, match=r"a\.txt: no rated moment is left"):
        read_aff_wild2(tmp_path)


def test_folders_without_ratings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no ratings in Train_Set or Validation_Set"):
        read_aff_wild2(tmp_path)
    with pytest.raises(BadInput, match="none: cannot be read as a folder: No such file"):
        read_aff_wild2(tmp_path / "none")


@pytest.mark.parametrize("fps", [0, -25, float("nan")])
def test_impossible_frame_rates_are_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(BadInput, match="frames a second; give a positive number"):
        read_aff_wild2(tmp_path, fps)
