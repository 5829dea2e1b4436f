"""Frames come by presentation timestamp: each frame of a made video has a brightness that tells which one it is."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pen_mobile.data.readers.display import shown
from pen_mobile.data.readers.video import images_at, presentation_times
from pen_mobile.data.readers.video_files import is_video
from pen_mobile.errors import BadInput
from pen_mobile.types import Image

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


def write_noise(path: Path, codec: str) -> None:
    """30 frames of noise, so that damage hits something; every fifth can be decoded by itself."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 176, 144, "yuv420p", 3_000_000
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 5, 0
        for _ in range(30):
            image = rng.integers(60, 160, (144, 176, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("b.mkv", "libx264"), ("c.MTS", "libx264"), ("d.mp4", "mpeg4"), ("e.mpg", "mpeg2video")],
)
def test_frames_that_noticed_damage_touches_are_left_out(tmp_path: Path, name: str, codec: str) -> None:
    """Ones in the middle: some frames are gone, and those that are given are what they were."""
    write_noise(tmp_path / name.replace("MTS", "ts"), codec)
    path = (tmp_path / name.replace("MTS", "ts")).rename(tmp_path / name)
    times = presentation_times(path)
    whole = dict(images_at(path, times, 1e-3))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    given = dict(images_at(path, times, 1e-3))
    assert len(whole) == 30
    assert 15 <= len(given) < 30
    assert max(np.abs(given[place].astype(int) - whole[place]).mean() for place in given) < 2


def test_damage_of_single_images_costs_these_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "holes.mp4", EVERY_40_MS, "mjpeg", 0, movflags="faststart")
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    given = served(path, [0.04 * place for place in range(51)])
    assert all(place == frame for place, frame in given)
    assert 40 < len(given) < 51
    assert given[-1] == (50, 50)


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


def striped(number: int) -> Image:
    """64 x 48 with a stripe of 8 pixels for each binary digit."""
    digits = [230 if number >> digit & 1 else 20 for digit in range(8)]
    return np.tile(np.repeat(np.array(digits, np.uint8), 8)[None, :, None], (48, 1, 3))


def number_of(image: Image) -> int:
    return sum(1 << digit for digit in range(8) if image[:, 8 * digit + 2 : 8 * digit + 6].mean() > 125)


WITH_B_FRAMES = [
    ("a.avi", "libx264", 3),
    ("b.avi", "mpeg4", 2),
    ("c.avi", "libx264", 1),
    ("d.AVI", "mpeg4", 4),
    ("e.avi", "mpeg2video", 2),
    ("f.mp4", "libx264", 3),
    ("g.mov", "libx264", 3),
    ("h.3gp", "libx264", 2),
    ("i.ts", "mpeg2video", 2),
    ("j.MPG", "mpeg2video", 2),
    ("k.wmv", "wmv2", 0),
    ("l.flv", "libx264", 2),
    ("m.webm", "libvpx", 0),
    ("n.mkv", "libx265", 2),
]


@pytest.mark.parametrize(("name", "codec", "b_frames"), WITH_B_FRAMES)
def test_frames_reordered_for_decoding_come_at_their_own_times(
    tmp_path: Path, name: str, codec: str, b_frames: int
) -> None:
    """AVI stores no times of showing at all, and yet every frame must come at its own."""
    path = tmp_path / name
    kind = {"d.AVI": "avi", "j.MPG": "mpeg"}.get(name)
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        for place in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(striped(place), format="rgb24")))
        container.mux(stream.encode())
    np.testing.assert_allclose(presentation_times(path), np.arange(30) / 25, atol=1e-3)
    found = [(place, number_of(image)) for place, image in images_at(path, np.arange(30) / 25, 1e-3)]
    assert found == [(place, place) for place in range(30)]
    assert is_video(path)


@pytest.mark.parametrize("name", ["film.MTS", "film.m2ts", "film.bin", "film"])
def test_a_video_is_known_by_its_content_where_its_suffix_says_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "film.ts"
    write_video(path, EVERY_40_MS[:5])
    assert is_video(path.rename(tmp_path / name))


@pytest.mark.parametrize("name", ["face.png", "notes.txt", "film.JPG", "none", "folder"])
def test_other_files_are_no_videos(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    if "." in name:
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    assert not is_video(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["12:30:05.mp4", "with space.mp4", "süß-顔.mp4", "100%.mp4", "a?b=c&d.mp4", b"caf\xe9.mp4"]
)
def test_any_file_name_is_opened(steady: Path, tmp_path: Path, name: str | bytes) -> None:
    """A colon does not make it an address, and a name need not be UTF-8."""
    path = tmp_path / os.fsdecode(name)
    shutil.copy(steady, path)
    assert served(path, [0.4]) == [(0, 10)]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(BadInput, match="is a pipe; a video is read twice"):
        presentation_times(tmp_path / "pipe.mp4")


def test_too_many_pixels_are_refused_before_any_is_decoded(steady: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 x 48 are 3072 pixels."""
    monkeypatch.setenv("PEN_MOBILE_MAX_MEGAPIXELS", "0.003")
    with pytest.raises(BadInput, match=r"64 x 48 pixels are more than 0\.003 million"):
        served(steady, [0.0])
    monkeypatch.setenv("PEN_MOBILE_MAX_MEGAPIXELS", "0.0031")
    assert served(steady, [0.0]) == [(0, 0)]


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Overwrite the matrix in an MP4's track header (version 0: 40 bytes after the box's name)."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


# Each of the eight orientations that EXIF knows, by the matrix that shows it upright and by how it is then stored.
ORIENTATIONS: dict[int, tuple[tuple[int, int, int, int], Callable[[Image], Image]]] = {
    1: ((1, 0, 0, 1), lambda image: image),
    2: ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    3: ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    4: ((1, 0, 0, -1), lambda image: image[::-1]),
    5: ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    6: ((0, 1, -1, 0), lambda image: np.rot90(image, 1)),
    7: ((0, -1, -1, 0), lambda image: image[::-1, ::-1].swapaxes(0, 1)),
    8: ((0, -1, 1, 0), lambda image: np.rot90(image, -1)),
}


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(2), Fraction(4, 3), Fraction(16, 15), Fraction(1, 2)])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_and_pixel_aspect_are_shown_as_a_player_shows_them(
    tmp_path: Path, orientation: int, aspect: Fraction
) -> None:
    """The corners of the upright image, 240 x 320, have four brightnesses; stored it may be mirrored and squeezed."""
    upright = np.kron(np.array([[20, 90], [160, 230]], np.uint8), np.ones((120, 160), np.uint8))
    upright = np.repeat(upright[:, :, None], 3, axis=2)
    matrix, store = ORIENTATIONS[orientation]
    stored = np.ascontiguousarray(store(upright))
    height, width = stored.shape[:2]
    size = (round(width / max(aspect, 1)), round(height * min(aspect, 1)))
    stored = cv2.resize(stored, size, interpolation=cv2.INTER_AREA)
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")), *stream.encode()]:
            container.mux(packet)
    set_display_matrix(path, *matrix)
    ((_, image),) = images_at(path, np.array([0.0]))
    assert image.shape == (240, 320, 3)
    corners = [image[y, x].mean() for y, x in ((60, 80), (60, 240), (180, 80), (180, 240))]
    np.testing.assert_allclose(corners, [20, 90, 160, 230], atol=8)


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


def test_a_frame_that_nothing_converts_costs_itself_only(steady: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As damage in a stream's header does it: the converter refuses the second frame."""
    asked = iter(range(100))

    def refusing(frame: av.VideoFrame, aspect: Fraction | None) -> Image:
        if next(asked) == 1:
            raise av.error.OSError(95, "Operation not supported")
        return shown(frame, aspect)

    monkeypatch.setattr("pen_mobile.data.readers.video.shown", refusing)
    times = presentation_times(steady)[:3]
    assert [place for place, _ in images_at(steady, times, 1e-3)] == [0, 2]
