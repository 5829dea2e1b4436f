"""BlazeFace on a real photograph: the eyes come to where the crop recipe says."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.detectors.blazeface import BlazeFace
from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook
from pen_mobile.data.faces import Face, Point, crop_face, eyes_to_crop, make_crop, moved
from pen_mobile.errors import BadInput
from pen_mobile.types import Image
from tests.data.detectors.photographs import EYES, darkened, mirrored, photograph, scaled, turned

POSITIONS = {
    "as it is": scaled(1),
    "half size": scaled(0.5),
    "double size": scaled(2),
    "turned left": turned(30),
    "turned right": turned(-30),
    "mirrored": mirrored(),
    "dark": darkened(0.3),
}


@pytest.fixture(scope="module")
def detector(blazeface_model: Path) -> Iterator[BlazeFace]:
    detector = BlazeFace(MediaPipeLook(blazeface_model))
    yield detector
    detector.close()


@pytest.mark.parametrize("position", POSITIONS)
def test_the_eyes_come_to_where_the_recipe_says(detector: BlazeFace, position: str) -> None:
    """The true eyes, put through the crop's transform: level within 2 degrees, within 3 % of the side of their places.

    With margin 3 and eye height 0.4 a frame of 100 has its eyes 100 / 3 apart, at 50 -+ 16.67 across and 40 down.
    """
    image, eyes = POSITIONS[position]
    face = detector.find(image)
    assert face is not None
    recipe = make_crop("blazeface", margin=3, eye_height=0.4, size=100)
    right, left = moved(eyes, eyes_to_crop(face, recipe))
    assert abs(math.degrees(math.atan2(left.y - right.y, left.x - right.x))) < 2
    places = np.array([right, left]) + 0.5
    np.testing.assert_allclose(places, [[33.33, 40], [66.67, 40]], atol=3)


def test_frames_of_the_same_face_look_alike(detector: BlazeFace) -> None:
    """Upright, turned and double-sized photographs give nearly the same frame: correlation above 0.9."""
    frames = []
    for position in ("as it is", "turned left", "double size"):
        image = POSITIONS[position][0]
        face = detector.find(image)
        assert face is not None
        frames.append(crop_face(image, face, make_crop(size=64)).ravel().astype(float))
    assert np.corrcoef(frames).min() > 0.9


def two_people() -> Image:
    """The same person twice: large on the left, smaller on the right."""
    image = np.full((512, 900, 3), 128, np.uint8)
    image[:, :512] = photograph()
    small = scaled(0.75)[0]
    image[:384, 516:900] = small
    return image


def test_the_largest_of_two_is_found_and_a_known_one_is_followed(detector: BlazeFace) -> None:
    image = two_people()
    right_one = moved(EYES, np.array([[0.75, 0, 516], [0, 0.75, 0]]))
    largest, followed = detector.find(image), detector.find(image, right_one)
    assert largest is not None
    assert followed is not None
    assert math.dist(largest.middle, EYES.middle) < 5
    assert math.dist(followed.middle, right_one.middle) < 5


def test_a_face_that_jumped_is_found_again(detector: BlazeFace) -> None:
    elsewhere = Face(Point(420, 420), Point(460, 420))
    face = detector.find(photograph(), elsewhere)
    assert face is not None
    assert math.dist(face.middle, EYES.middle) < 5


def test_no_face_on_a_wall(detector: BlazeFace) -> None:
    wall = np.full((480, 640, 3), 128, np.uint8)
    assert detector.find(wall) is None
    assert detector.find(wall, EYES) is None


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"not a network")
    with pytest.raises(BadInput, match=r"model\.tflite: not a face detector"):
        MediaPipeLook(path)
    with pytest.raises(BadInput, match=r"missing\.tflite"):
        MediaPipeLook(tmp_path / "missing.tflite")


def test_a_closed_detector_says_nothing_when_the_interpreter_ends(blazeface_model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook;"
        "MediaPipeLook(Path(sys.argv[1])).close()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(blazeface_model)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
