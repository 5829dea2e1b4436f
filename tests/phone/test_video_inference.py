"""Predictions for videos: real files, a real face that moves and goes away."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from pen_mobile.cli.main import cli
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.video_inference import NO_FACE, NO_FRAME, MomentPrediction, VideoSummary, predict_video, write_csv
from pen_mobile.types import Image

FPS = 10


@pytest.fixture(scope="module")
def face() -> Image:
    return np.ascontiguousarray(cv2.resize(data.astronaut()[:360, :480], (240, 180), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def film(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 s at 10 frames a second: a face that moves to the right, except in frames 4 and 5, which are grey."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    grey = np.full_like(face, 127)
    write_video(path, [grey if n in (4, 5) else np.roll(face, 2 * n, axis=1) for n in range(12)])
    return path


@pytest.fixture(scope="module")
def watched(phone: Phone, film: Path) -> tuple[list[MomentPrediction], VideoSummary]:
    """Every frame of the film."""
    summary = VideoSummary()
    return list(summary.count(predict_video(phone, film))), summary


@pytest.fixture(scope="module")
def phone(bundle_folder: Path) -> Iterator[Phone]:
    with Phone.open(bundle_folder) as phone:
        yield phone


def write_video(path: Path, pictures: list[Image], degrees: int = 0, times: list[int] | None = None) -> None:
    """Write pictures, each shown at its time in tenths of a second (in order when not given)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        if degrees:
            stream.set_display_rotation(degrees)
        for picture, pts in zip(pictures, times or range(len(pictures)), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_every_moment_has_a_line_and_frames_without_a_face_are_counted(
    watched: tuple[list[MomentPrediction], VideoSummary],
) -> None:
    moments, summary = watched
    assert [round(moment.time_s, 3) for moment in moments] == [n / 10 for n in range(12)]
    assert [moment.refused for moment in moments] == ["" if n not in (4, 5) else NO_FACE for n in range(12)]
    assert (summary.predicted, summary.refused) == (10, {NO_FACE: 2})
    first, last = moments[0].affect, moments[-1].affect
    assert first is not None
    assert last is not None
    assert first.face is not None
    assert last.face is not None
    # 11 times 2 pixels; the eyes are guessed from a box, which moves in steps
    assert last.face.middle.x - first.face.middle.x == pytest.approx(22, abs=8)


def test_a_moment_is_what_the_phone_says_about_that_frame(
    phone: Phone, film: Path, watched: tuple[list[MomentPrediction], VideoSummary]
) -> None:
    """The phone is told of the face in the frame before: BlazeFace begins its looks there."""
    ((_, pixels),) = _frames(film, [0.7])
    before, found = watched[0][6].affect, watched[0][7].affect
    assert before is not None
    assert found is not None
    alone = phone.predict(pixels, previous=before.face)
    assert (found.valence, found.arousal, found.face) == (alone.valence, alone.arousal, alone.face)


def test_fewer_moments_a_second(phone: Phone, film: Path) -> None:
    """Frames are shown at 0, 0.1, ... 1.1 s; 2.5 a second wants 0, 0.4 and 0.8."""
    assert [round(moment.time_s, 3) for moment in predict_video(phone, film, 2.5)] == [0, 0.4, 0.8]


def test_more_moments_than_frames_are_the_frames(phone: Phone, face: Image, tmp_path: Path) -> None:
    write_video(tmp_path / "three.mp4", [face] * 3)
    moments = predict_video(phone, tmp_path / "three.mp4", 25)
    assert [round(moment.time_s, 3) for moment in moments] == [0, 0.1, 0.2]


def test_moments_at_which_nothing_is_shown_are_said(phone: Phone, face: Image, tmp_path: Path) -> None:
    """Frames every 0.1 s but for a gap from 0.3 to 0.9 s; 5 moments a second want 0.4, 0.6 and 0.8 within it."""
    path = tmp_path / "gap.mp4"
    write_video(path, [face] * 7, times=[0, 1, 2, 3, 9, 10, 11])
    assert [moment.refused for moment in predict_video(phone, path, 5)] == ["", "", "", NO_FRAME, "", ""]


def test_a_video_on_its_side_is_turned_upright(phone: Phone, face: Image, tmp_path: Path) -> None:
    write_video(tmp_path / "upright.mp4", [face])
    write_video(tmp_path / "side.mp4", [np.ascontiguousarray(np.rot90(face, -1))], degrees=90)
    (upright,), (turned,) = (list(predict_video(phone, tmp_path / name)) for name in ("upright.mp4", "side.mp4"))
    assert upright.affect is not None
    assert turned.affect is not None
    assert upright.affect.face is not None
    assert turned.affect.face is not None
    assert np.abs(np.array(upright.affect.face) - np.array(turned.affect.face)).max() < 4


def test_smoothing_starts_at_the_first_value_and_is_calmer(
    phone: Phone, film: Path, watched: tuple[list[MomentPrediction], VideoSummary]
) -> None:
    rough, smooth = (
        [moment.affect.valence for moment in moments if moment.affect is not None]
        for moments in (watched[0][::2], predict_video(phone, film, 5, smooth=True))
    )
    assert smooth[0] == pytest.approx(rough[0], abs=1e-6)
    assert np.abs(np.diff(smooth)).sum() < np.abs(np.diff(rough)).sum()


def test_an_interrupted_table_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[MomentPrediction]:
        yield MomentPrediction(0.0, None, NO_FACE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(interrupted(), ("valence", "arousal"), tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_table_and_says_what_it_left_out(bundle_folder: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    command = ["predict", str(bundle_folder), str(film), "--fps", "5", "--json", "-q"]
    result = CliRunner().invoke(cli, [*command, "--out", str(out)])
    assert result.exception is None, result.exception
    said = json.loads(result.stdout)
    assert (said["predicted"], said["refused"]) == (5, {NO_FACE: 1})
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["time_s"]) for row in rows] == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [row["refused"] for row in rows] == ["", "", NO_FACE, "", "", ""]
    assert [row["valence"] == "" for row in rows] == [False, False, True, False, False, False]
    again = CliRunner().invoke(cli, [*command, "--out", str(out)]).exception
    assert isinstance(again, BadInput)
    assert "exists already" in str(again)
    listed = json.loads(CliRunner().invoke(cli, command).stdout)["moments"]
    assert [moment["refused"] for moment in listed] == [row["refused"] for row in rows]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["photo.png", "--fps", "2"], "are for videos"),
        (["cut.mp4", "--fps", "nan"], "--fps is nan"),
        (["photo.png", "--key-file", "key"], "give --store, too"),
        (["cut.mp4"], "not a video that can be read"),
        (["none.mp4"], "No such file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    bundle_folder: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "cut.mp4").write_bytes(b"not a video")
    command = ["predict", str(bundle_folder), str(tmp_path / options[0]), *options[1:]]
    error = CliRunner().invoke(cli, command).exception
    assert isinstance(error, BadInput)
    assert message in str(error)
    assert "\n" not in str(error)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_written(bundle_folder: Path, face: Image, tmp_path: Path) -> None:
    film, out = tmp_path / "long.mp4", tmp_path / "out" / "table.csv"
    write_video(film, [face] * 300)
    command = [sys.executable, "-m", "pen_mobile", "predict", str(bundle_folder), str(film), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out.parent.is_dir() and list(out.parent.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)  # it has begun to write
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert list(out.parent.iterdir()) == []


def _frames(path: Path, times: list[float]) -> list[tuple[int, Image]]:
    from pen_mobile.data.readers.video import images_at

    return list(images_at(path, np.array(times)))
