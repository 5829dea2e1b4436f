"""Images, features and times as applications give them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PilImage

from pen_mobile.errors import BadInput
from pen_mobile.phone.array_input import to_image, to_images, to_matrix, to_times, to_unix_times

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
GREY = PIXELS[:, :, 0]
ALPHA = np.dstack([PIXELS, np.full((6, 7), 9, np.uint8)])

SAME = {
    "uint8": PIXELS,
    "list": PIXELS.tolist(),
    "int64": PIXELS.astype(np.int64),
    "uint16 of the same values": PIXELS.astype(np.uint16),
    "uint16 of its own range": PIXELS.astype(np.uint16) * 257,
    "float32 in 0..1": (PIXELS / 255).astype(np.float32),
    "float16 in 0..255": PIXELS.astype(np.float16),
    "float64 in 0..255": PIXELS.astype(np.float64),
    "RGBA": ALPHA,
    "RGBA in 0..1": ALPHA / 255,
    "channels first": np.moveaxis(PIXELS, 2, 0),
    "Fortran order": np.asfortranarray(PIXELS),
    "a mirrored view": PIXELS[:, ::-1].copy()[:, ::-1],
    "tensor": torch.from_numpy(PIXELS),
    "tensor, channels first, 0..1": torch.from_numpy(PIXELS).permute(2, 0, 1) / 255,
    "tensor with a gradient": (torch.from_numpy(PIXELS) / 255).requires_grad_(),
    "PIL": PilImage.fromarray(PIXELS),
    "PIL RGBA": PilImage.fromarray(ALPHA),
}
REFUSED = {
    "a batch": (PIXELS[None], r"uint8 \[1, 6, 7, 3\]"),
    "two channels": (PIXELS[:, :, :2], r"uint8 \[6, 7, 2\]"),
    "no pixels": (PIXELS[:0], r"uint8 \[0, 7, 3\]"),
    "a number": (3, "is a path, a PIL image"),
    "nothing": (None, "NoneType does not hold numbers"),
    "bool": (PIXELS > 9, "bool .6, 7, 3. does not hold numbers"),
    "words": ([["red"]], "list does not hold numbers"),
    "bytes": (b"\xff\xd8", "bytes does not hold numbers"),
    "uneven lists": ([[1, 2], [3]], "list does not form an array of numbers"),
    "normalised": ((PIXELS / 127.5 - 1).astype(np.float32), "values from -1 to"),
    "a little above 1": (PIXELS / 200, "values from 0"),
    "NaN": (np.full((4, 4, 3), np.nan), "values from nan"),
    "int16 below 0": (PIXELS.astype(np.int16) - 9, "values from -"),
    "too long": (np.zeros((1, 40_000, 3), np.uint8), "at most 32,766"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_pixels_in_another_form_are_the_same_image(name: str) -> None:
    image = to_image(SAME[name])
    np.testing.assert_array_equal(image, PIXELS)
    assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)


@pytest.mark.parametrize(
    "grey", [GREY, GREY[:, :, None], GREY / 255, GREY.tolist(), PilImage.fromarray(GREY), torch.from_numpy(GREY)]
)
def test_grey_gets_three_equal_channels(grey: Any) -> None:
    np.testing.assert_array_equal(to_image(grey), np.repeat(GREY[:, :, None], 3, axis=2))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused_with_what_was_given(name: str) -> None:
    value, message = REFUSED[name]
    with pytest.raises(BadInput, match=message):
        to_image(value)


def test_a_palette_and_a_16_bit_file_are_read(tmp_path: Path) -> None:
    palette = PilImage.fromarray(GREY).convert("P")
    np.testing.assert_array_equal(to_image(palette)[:, :, 0], GREY)
    cv2.imwrite(str(tmp_path / "deep.png"), GREY.astype(np.uint16) * 257)
    with PilImage.open(tmp_path / "deep.png") as deep:
        assert np.abs(to_image(deep)[:, :, 0].astype(int) - GREY).max() == 0


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16, np.float32, np.float64, np.bool_, np.complex64]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        elements=st.sampled_from([0, 1]),
    )
)
def test_any_array_is_an_image_or_refused(array: np.ndarray) -> None:
    try:
        image = to_image(array)
    except BadInput:
        return
    assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
    assert image.size


def test_one_image_is_not_a_list_of_images() -> None:
    for one in ("photo.png", Path("photo.png"), PIXELS, torch.from_numpy(PIXELS), PilImage.fromarray(PIXELS), 3):
        with pytest.raises(BadInput, match="list"):
            to_images(one)
    assert len(to_images([PIXELS])) == len(to_images(PIXELS[None])) == 1


@pytest.mark.parametrize("values", [[[1, 2], [3, 4]], torch.tensor([[1.0, 2], [3, 4]]), np.array([[1, 2], [3, 4]])])
def test_matrices_become_float32(values: Any) -> None:
    found = to_matrix(values, 2, "labels")
    assert (found.dtype, found.tolist()) == (np.float32, [[1, 2], [3, 4]])


@pytest.mark.parametrize("values", [[1, 2], [[1, 2, 3]], [["a", "b"]], [[1, 2], [3]], np.zeros((2, 2, 2))])
def test_matrices_of_another_shape_are_refused(values: Any) -> None:
    with pytest.raises(BadInput, match="labels"):
        to_matrix(values, 2, "labels")


def test_no_rows_are_a_matrix_too() -> None:
    assert to_matrix((), 2, "labels").shape == (0, 2)


def test_times_of_all_kinds_are_seconds() -> None:
    moment = datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    seconds = moment.timestamp()
    for times in (seconds, [seconds] * 2, moment, [moment] * 2, np.array(["2025-01-02T03:04:05"] * 2, "datetime64[s]")):
        assert to_times(times, 2).tolist() == [seconds, seconds]
    with pytest.raises(BadInput, match=r"captured_at is \[3\]; one time, or \[2\], one for each label, is wanted"):
        to_times([1, 2, 3], 2)
    with pytest.raises(BadInput, match="captured_at"):
        to_times(["yesterday", "today"], 2)


def test_seconds_of_a_recording_become_unix_time_with_one_start() -> None:
    """The recording has just ended: 100 s before 1.7e9 it was at 0; what comes later is counted from there."""
    first, start = to_unix_times(np.array([0.0, 40, 100]), 1.7e9, None)
    assert (first.tolist(), start) == ([1.7e9 - 100, 1.7e9 - 60, 1.7e9], 1.7e9 - 100)
    later, same = to_unix_times(np.array([120.0]), 1.7e9 + 30, start)
    assert (later.tolist(), same) == ([1.7e9 + 20], start)
    unix, none = to_unix_times(np.array([1.69e9]), 1.7e9, None)
    assert (unix.tolist(), none) == ([1.69e9], None)
    own_zero, none = to_unix_times(np.array([5.0]), 900.0, None)
    assert (own_zero.tolist(), none) == ([5.0], None)


@pytest.mark.parametrize(
    ("times", "message"), [([5, 1.7e9], "mixes"), ([5, np.nan], "label 2 is nan"), ([-1], "is -1"), ([np.inf], "inf")]
)
def test_times_that_mean_nothing_are_refused(times: list[float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        to_unix_times(np.array(times), 1.7e9, None)


def test_a_photo_that_a_phone_turned_is_upright_as_a_file_and_as_an_image(tmp_path: Path) -> None:
    image = PilImage.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / "photo.jpg", exif=exif)
    assert (
        to_image(tmp_path / "photo.jpg").shape == to_image(PilImage.open(tmp_path / "photo.jpg")).shape == (40, 20, 3)
    )


def test_one_image_with_channels_first_is_not_a_list_either() -> None:
    with pytest.raises(BadInput, match="is one image"):
        to_images(np.zeros((3, 48, 40)))


def test_what_is_no_number_is_not_told_how_images_are() -> None:
    with pytest.raises(BadInput, match=r"labels: list does not hold numbers$"):
        to_matrix([["a", "b"]], 2, "labels")
