"""The crop in numbers: sixty lines without OpenCV write what the toolkit writes, within one grey level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_mobile.data.faces import Face, Point, crop_face, make_crop
from pen_mobile.data.frames import resize
from pen_mobile.types import Image
from tests.contract import crop_numbers
from tests.contract.golden_crop import CASES, FOLDER, picture

ABOUT = json.loads((FOLDER / "crop.json").read_text())


def pixels(file: str, shape: list[int]) -> Image:
    return np.frombuffer((FOLDER / file).read_bytes(), np.uint8).reshape(shape)


def by_toolkit(image: Image, case: dict[str, Any]) -> Image:
    recipe = make_crop("blazeface", case["margin"], case["eye_height"], case["size"])
    return crop_face(image, Face(Point(*case["right_eye"]), Point(*case["left_eye"])), recipe)


def by_numbers(image: Image, case: dict[str, Any]) -> Image:
    right, left = tuple(case["right_eye"]), tuple(case["left_eye"])
    return crop_numbers.crop(image, right, left, case["size"], case["margin"], case["eye_height"])


def apart(a: Image, b: Image) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("case", ABOUT["cases"], ids=lambda case: case["name"])
def test_the_golden_frames(case: dict[str, Any]) -> None:
    """When this fails on purpose: python -m tests.contract.golden_crop."""
    image = pixels(ABOUT["image"]["file"], ABOUT["image"]["shape"])
    frame = pixels(case["frame"], [case["size"], case["size"], 3])
    assert apart(by_toolkit(image, case), frame) <= 1
    assert apart(by_numbers(image, case), frame) <= 1
    assert frame.std() > 10


def test_the_golden_files_are_those_of_the_cases() -> None:
    """In size: the picture, and three bytes for each pixel of a frame."""
    assert {case["name"] for case in ABOUT["cases"]} == set(CASES)
    np.testing.assert_array_equal(pixels(ABOUT["image"]["file"], ABOUT["image"]["shape"]), picture())
    files = {case["frame"] for case in ABOUT["cases"]} | {"crop.json", "image.bin"}
    assert {path.name for path in FOLDER.iterdir()} == files


@given(
    st.integers(8, 90), st.integers(8, 90), st.floats(-10, 100), st.floats(-10, 100), st.floats(6, 80),
    st.floats(-np.pi, np.pi), st.sampled_from([16, 31, 48]), st.sampled_from([1.5, 3.0, 4.5]), st.integers(0, 99),
)  # fmt: skip
def test_any_crop_of_noise(
    height: int, width: int, x: float, y: float, distance: float, turn: float, size: int, margin: float, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    across, down = distance / 2 * np.cos(turn), distance / 2 * np.sin(turn)
    case = {"right_eye": [x - across, y - down], "left_eye": [x + across, y + down], "size": size, "margin": margin}
    assert apart(by_toolkit(image, case | {"eye_height": 0.4}), by_numbers(image, case | {"eye_height": 0.4})) <= 1


@pytest.mark.parametrize(("side", "size"), [(20, 31), (31, 48), (97, 48), (100, 25)])
def test_an_aligned_frame_is_brought_to_size(side: int, size: int) -> None:
    image = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    place = (np.arange(size) + 0.5) * side / size - 0.5
    y, x = np.meshgrid(place, place, indexing="ij")
    small = side > size
    ours = crop_numbers.shrink(image, size, size) if small else crop_numbers.to_levels(crop_numbers.sample(image, x, y))
    assert apart(resize(image[None], size)[0], ours) <= 1


def test_it_is_sixty_lines_that_need_numpy_alone() -> None:
    lines = Path(crop_numbers.__file__).read_text().splitlines()
    imports = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert len(lines) <= 60
    assert imports == {"__future__", "math", "numpy"}


def test_an_area_is_the_mean_of_what_it_covers() -> None:
    """Five columns to two: each is 2.5 wide, so the middle one counts half in both; (10 + 20 + 15) / 2.5 = 18."""
    row = np.repeat(np.array([[10, 20, 30, 40, 50]], np.uint8)[..., None], 3, axis=-1)
    assert crop_numbers.shrink(row, 1, 2)[0, :, 0].tolist() == [18, 42]
