"""Frames come by presentation timestamp: each frame of a made video has a brightness that tells which one it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pen_mobile.data.readers.video import images_at, presentation_times
from pen_mobile.errors import BadInput

MS = Fraction(1, 1000)
INVALID = "Invalid data found when processing input"
EVERY_40_MS = [40 * place for place in range(51)]


def brightness(place: int) -> int:
    """Four levels apart, all of them reachable in limited-range video."""
    return 20 + 4 * place


def place_of(pixels: np.ndarray) -> int:
    return round((float(pixels.mean()) - 20) / 4)


def write_video(path: Path, times_ms: list[int], codec: str = "libx264", b_frames: int = 2, **options: str) -> Path:
    """Write one frame of 64 x 48 for each time, in milliseconds."""
    base = MS if codec == "libx264" else Fraction(1, 25)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv420p" if codec == "libx264" else "yuvj420p"
        stream.codec_context.time_base = base
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.gop_size = 12
        for place, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), brightness(place), np.uint8), format="rgb24")
            frame.pts, frame.time_base = int(time_ms * MS / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_audio(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
    return path


def served(path: Path, times_s: list[float], tolerance_s: float = 0.02) -> list[tuple[int, int]]:
    """Which frame was given for which wanted time."""
    return [(place, place_of(pixels)) for place, pixels in images_at(path, np.array(times_s), tolerance_s)]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """51 frames, 0 to 2 s by 0.04, with frames reordered for decoding, index in front."""
    return write_video(tmp_path_factory.mktemp("steady") / "steady.mp4", EVERY_40_MS, movflags="faststart")


def test_every_frame_is_given_at_its_own_time_once(steady: Path) -> None:
    assert served(steady, [0.04 * place for place in range(51)]) == [(place, place) for place in range(51)]


def test_frames_are_rgb_arrays(steady: Path) -> None:
    ((place, pixels),) = images_at(steady, np.array([0.4]))
    assert place == 0
    assert pixels.dtype == np.uint8
    assert pixels.shape == (48, 64, 3)


def test_colours_are_in_the_order_red_green_blue(tmp_path: Path) -> None:
    path = tmp_path / "red.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        red = np.zeros((48, 64, 3), np.uint8)
        red[..., 0] = 200
        container.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24")))
        container.mux(stream.encode(None))
    ((_, pixels),) = images_at(path, np.array([0.0]))
    np.testing.assert_allclose(pixels.reshape(-1, 3).mean(axis=0), [200, 0, 0], atol=6)


def test_the_nearest_frame_within_the_tolerance_is_taken_or_none(steady: Path) -> None:
    wanted = [0.0, 0.015, 0.02, 0.025, 1.0, 2.015, 2.03, 5.0]
    assert served(steady, wanted) == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 25), (5, 50)]
    assert served(steady, wanted, tolerance_s=0.005) == [(0, 0), (4, 25)]
    assert served(steady, [-1.0, -0.01, 0.0]) == [(1, 0), (2, 0)]


def test_one_frame_serves_several_times(steady: Path) -> None:
    assert served(steady, [0.39, 0.4, 0.4, 0.41]) == [(0, 10), (1, 10), (2, 10), (3, 10)]


def test_no_wanted_time_gives_no_frame(steady: Path) -> None:
    assert served(steady, []) == []


def test_variable_frame_rate_goes_by_timestamp_not_by_count(tmp_path: Path) -> None:
    times_ms = [0, 33, 100, 140, 400, 410, 1000, 1040]
    path = write_video(tmp_path / "variable.mp4", times_ms)
    assert presentation_times(path).tolist() == [time_ms / 1000 for time_ms in times_ms]
    assert served(path, [time_ms / 1000 for time_ms in times_ms]) == [(place, place) for place in range(8)]
    # The 40 ms ratings: 0.04 -> 33 ms, 0.08 -> 100 ms, 0.12 is as far from 100 ms as from 140 ms, 0.16 -> 140 ms
    # at just 20 ms, 0.2 to 0.36 -> nothing, 0.4 -> itself, and so on.
    ratings = [0.04 * place for place in range(27)]
    expected = [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (10, 4), (25, 6), (26, 7)]
    assert served(path, ratings) == expected


@pytest.mark.parametrize(
    ("name", "codec", "b_frames"), [("a.mkv", "libx264", 2), ("a.avi", "mjpeg", 0), ("a.ts", "libx264", 2)]
)
def test_times_count_from_the_start_of_the_stream_in_every_container(
    tmp_path: Path, name: str, codec: str, b_frames: int
) -> None:
    """An MPEG transport stream starts its clock at 1.4 s."""
    path = write_video(tmp_path / name, EVERY_40_MS[:20], codec, b_frames)
    np.testing.assert_allclose(presentation_times(path), [0.04 * place for place in range(20)], atol=1e-3)
    assert served(path, [0.04 * place for place in range(20)]) == [(place, place) for place in range(20)]


def test_a_recording_that_starts_late_counts_from_its_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", [time_ms + 5000 for time_ms in EVERY_40_MS[:10]])
    assert served(path, [0.0, 0.36, 5.0]) == [(0, 0), (1, 9)]


def test_presentation_times_are_in_order_of_showing(steady: Path) -> None:
    assert presentation_times(steady).tolist() == [time_ms / 1000 for time_ms in EVERY_40_MS]


def cut(path: Path, share: float) -> Path:
    """The first part of a file under a name of its own."""
    content = path.read_bytes()
    short = path.with_name(f"cut{share}{path.suffix}")
    short.write_bytes(content[: int(len(content) * share)])
    return short


def given_until_the_complaint(path: Path, times_s: list[float]) -> tuple[list[tuple[int, int]], str]:
    given: list[tuple[int, int]] = []

    def collect() -> None:
        given.extend((place, place_of(pixels)) for place, pixels in images_at(path, np.array(times_s)))

    with pytest.raises(BadInput) as caught:
        collect()
    return given, str(caught.value)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_truncated_video_gives_what_it_has_and_then_complains(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    codec = "mjpeg" if suffix == ".avi" else "libx264"
    whole = write_video(tmp_path / f"whole{suffix}", EVERY_40_MS, codec, 0, **options)
    short = cut(whole, 0.7)
    given, message = given_until_the_complaint(short, [0.04 * place for place in range(51)])
    assert 5 < len(given) < 46
    assert given == [(place, place) for place in range(len(given))]
    assert message.startswith(f"{short}: cannot be decoded beyond {0.04 * (len(given) - 1):.3f} s: ")
    with pytest.raises(BadInput, match=rf"cut0\.7\{suffix}: cannot be read to its end"):
        presentation_times(short)
    assert served(short, [0.0, 0.04, 0.08]) == [(0, 0), (1, 1), (2, 2)]  # the damage lies behind


def test_frames_held_back_for_reordering_are_given_before_the_complaint(steady: Path) -> None:
    short = cut(steady, 0.75)
    with av.open(str(short)) as container:
        intact = sum(1 for packet in container.demux(video=0) if packet.size and not packet.is_corrupt)
    given, _ = given_until_the_complaint(short, [0.04 * place for place in range(51)])
    assert 5 < intact < 46
    assert len(given) == intact
    assert [place for place, _ in given] == [shown for _, shown in given]


def test_a_video_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "whole.mp4", EVERY_40_MS), 0.5)
    assert given_until_the_complaint(path, [0.0]) == ([], f"{path}: not a video that can be read: {INVALID}")


def test_damage_inside_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "holes.mp4", EVERY_40_MS, "mjpeg", 0, movflags="faststart")
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    given, message = given_until_the_complaint(path, [0.04 * place for place in range(51)])
    assert given == [(place, place) for place in range(len(given))]
    assert 10 < len(given) < 40
    assert message.startswith(f"{path}: cannot be decoded beyond ")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "voice.wav")
    with pytest.raises(BadInput, match=r"voice\.wav: holds no video stream"):
        served(path, [0.0])


@pytest.mark.parametrize("name", ["face.png", "face.jpg"])
def test_an_image_is_refused(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 90, np.uint8))
    with pytest.raises(BadInput, match=rf"{name}: is an image, not a video"):
        served(tmp_path / name, [0.0])


@pytest.mark.parametrize("content", [b"", b"not a video at all\n" * 50, bytes(range(256)) * 40])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"garbage\.mp4: "):
        served(path, [0.0])
    with pytest.raises(BadInput, match=r"garbage\.mp4: "):
        presentation_times(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.mp4: not a video that can be read: No such file"):
        served(tmp_path / "none.mp4", [0.0])
    with pytest.raises(BadInput, match=r": not a video that can be read: "):
        served(tmp_path, [0.0])


@pytest.mark.parametrize("times_s", [[0.2, 0.1], [float("nan")], [0.0, float("inf")]])
def test_wanted_times_out_of_order_are_refused(steady: Path, times_s: list[float]) -> None:
    with pytest.raises(BadInput, match=r"steady\.mp4: the wanted times must be seconds in increasing order"):
        served(steady, times_s)


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (-90, (0, 1)), (180, (1, 1))])
def test_a_phone_held_upright_gives_upright_frames(tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
    """White in the upper left: turned counter-clockwise it is in the lower left, clockwise in the upper right."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(degrees)
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")), *stream.encode()]:
            container.mux(packet)
    ((_, pixels),) = images_at(path, np.array([0.0]))
    height, width = pixels.shape[:2]
    assert (height, width) == ((48, 64) if degrees in (0, 180) else (64, 48))
    quarters = pixels.mean(axis=2).reshape(2, height // 2, 2, width // 2).mean(axis=(1, 3))
    assert np.unravel_index(quarters.argmax(), (2, 2)) == corner
    assert np.sort(quarters.ravel())[2] < 20
