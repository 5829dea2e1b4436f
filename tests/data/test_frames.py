"""Frames in memory and in files: the same pixels, sizes and hashes whichever way they are held."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pen_mobile.data.frames import ArrayFrames, FileFrames, resize
from pen_mobile.data.images import read_image
from pen_mobile.errors import BadInput

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """``PIXELS`` as PNG files, which lose nothing."""
    paths = [tmp_path / f"{row}.png" for row in range(len(PIXELS))]
    for path, frame in zip(paths, PIXELS, strict=True):
        assert cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return paths


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([3, 0]), np.array([True, False, False, True])], ids=str)
def test_files_and_memory_hold_the_same_frames(files: list[Path], rows: object) -> None:
    held, on_disk = ArrayFrames(PIXELS), FileFrames(files, size=8)
    assert len(held) == len(on_disk) == 4
    np.testing.assert_array_equal(held.read(rows), PIXELS[rows])  # type: ignore[index]
    np.testing.assert_array_equal(on_disk.read(rows), PIXELS[rows])  # type: ignore[index]
    for part in (held.take(rows), on_disk.take(rows)):
        np.testing.assert_array_equal(part.read(slice(None)), PIXELS[rows])  # type: ignore[index]


def test_both_give_any_size_that_is_asked_for(files: list[Path]) -> None:
    for frames in (ArrayFrames(PIXELS), FileFrames(files, size=8)):
        small = frames.read(slice(0, 2), 4)
        np.testing.assert_array_equal(small, resize(PIXELS[:2], 4))
        assert small.shape == (2, 4, 4, 3)


def test_files_are_brought_to_one_size(tmp_path: Path) -> None:
    for name, side in (("small.png", 6), ("large.png", 20)):
        cv2.imwrite(str(tmp_path / name), np.full((side, side, 3), 77, np.uint8))
    frames = FileFrames([tmp_path / "small.png", tmp_path / "large.png"], size=8)
    np.testing.assert_array_equal(frames.read(slice(None)), np.full((2, 8, 8, 3), 77, np.uint8))


@pytest.mark.parametrize(("height", "width"), [(6, 12), (12, 6), (224, 225), (1, 2), (200, 400)])
def test_images_that_are_not_square_are_no_frames(tmp_path: Path, height: int, width: int) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((height, width, 3), 77, np.uint8))
    with pytest.raises(BadInput, match=rf"a\.png: {width} x {height} pixels are not square"):
        FileFrames([tmp_path / "a.png"]).read(slice(None))


def test_smaller_is_the_mean_of_the_area() -> None:
    """A 2 x 2 frame of 0, 100, 100, 200 becomes one pixel: 400 / 4 = 100."""
    frame = np.array([[0, 100], [100, 200]], np.uint8)[None, :, :, None].repeat(3, axis=3)
    assert resize(frame, 1).tolist() == [[[[100, 100, 100]]]]


def test_larger_keeps_the_corners() -> None:
    frame = np.array([[0, 100], [100, 200]], np.uint8)[None, :, :, None].repeat(3, axis=3)
    larger = resize(frame, 6)[0, :, :, 0]
    assert (larger[0, 0], larger[0, -1], larger[-1, 0], larger[-1, -1]) == (0, 100, 100, 200)
    assert (np.diff(larger.astype(int), axis=1) >= 0).all()  # bilinear: no overshoot between them


@pytest.mark.parametrize("size", [None, 8])
def test_the_right_size_is_not_touched(size: int | None) -> None:
    assert resize(PIXELS, size) is PIXELS


def test_channels_are_red_green_blue(tmp_path: Path) -> None:
    """OpenCV writes blue first: (1, 2, 250) in its order is red 250, green 2, blue 1."""
    cv2.imwrite(str(tmp_path / "red.png"), np.full((3, 5, 3), (1, 2, 250), np.uint8))
    image = read_image(tmp_path / "red.png")
    assert image.shape == (3, 5, 3)
    assert image[0, 0].tolist() == [250, 2, 1]


def test_grey_images_get_three_equal_channels(tmp_path: Path) -> None:
    grey = PIXELS[0, :, :, 0]
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), grey[:, :, None].repeat(3, axis=2))


def test_names_outside_ascii_are_read(tmp_path: Path) -> None:
    path = tmp_path / "Gesicht-süß-顔.png"
    path.write_bytes(cv2.imencode(".png", PIXELS[0])[1].tobytes())
    assert read_image(path).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"", "not an image"), (b"valence,arousal\n0,0\n", "not an image")],
    ids=["missing", "empty", "text"],
)
def test_no_image_is_refused_by_name(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "face.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"face\.png: {message}"):
        read_image(path)
    with pytest.raises(BadInput, match=r"face\.png"):
        FileFrames([path]).read(slice(None))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((2, 8, 9, 3), np.uint8),
        np.zeros((2, 8, 8, 1), np.uint8),
        np.zeros((2, 8, 8, 3), np.float32),
    ],
    ids=lambda pixels: f"{pixels.dtype}{list(pixels.shape)}",
)
def test_other_arrays_than_square_rgb_bytes_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"frames must be uint8 \[N, S, S, 3\], not"):
        ArrayFrames(pixels)


def test_digest_of_memory_changes_with_one_pixel() -> None:
    changed = PIXELS.copy()
    changed[3, 7, 7, 2] ^= 1
    assert ArrayFrames(PIXELS).digest == ArrayFrames(PIXELS.copy()).digest
    assert ArrayFrames(PIXELS).digest != ArrayFrames(changed).digest


def test_a_digest_that_is_known_is_not_computed_again() -> None:
    assert ArrayFrames(PIXELS, digest="known").digest == "known"
    assert ArrayFrames(PIXELS, digest="known").take(slice(2)).digest == ArrayFrames(PIXELS[:2]).digest


def test_digest_of_files_changes_with_content_order_and_size(files: list[Path]) -> None:
    before = FileFrames(files, 8).digest
    assert FileFrames(list(files), 8).digest == before
    assert FileFrames(files[::-1], 8).digest != before
    assert FileFrames(files, 16).digest != before
    changed = PIXELS[0].copy()
    changed[0, 0, 0] ^= 1
    cv2.imwrite(str(files[0]), cv2.cvtColor(changed, cv2.COLOR_RGB2BGR))
    assert FileFrames(files, 8).digest != before
