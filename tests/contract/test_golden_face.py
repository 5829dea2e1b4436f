"""One look without its network: the toolkit and plain numpy do what the golden files say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.detectors.face_boxes import letterbox, weighted_faces
from tests.contract.face_numbers import faces_of, square_of
from tests.contract.golden_face import FOLDER, SIDE, answers, image

ABOUT = json.loads((FOLDER / "face.json").read_text())


def array(name: str) -> Any:
    entry = ABOUT[name]
    return np.fromfile(FOLDER / entry["file"], np.dtype(entry["dtype"]).newbyteorder("<")).reshape(entry["shape"])


def test_the_square_that_the_network_sees() -> None:
    """When this fails on purpose: python -m tests.contract.golden_face."""
    np.testing.assert_array_equal(array("image"), image())
    expected = array("square").astype(int)
    for square in (letterbox(image())[0], square_of(image(), SIDE)):
        assert np.abs(square - expected).max() <= 1


def test_answers_become_faces() -> None:
    places, scores = answers()
    np.testing.assert_array_equal(array("places"), places)
    np.testing.assert_array_equal(array("scores"), scores)
    search = FaceSearch.model_validate(ABOUT["search"])
    assert search == FaceSearch()
    faces, eyes = faces_of(places, scores, search.min_score, search.max_overlap, image().shape)
    ours = weighted_faces(places, scores, search)
    box = letterbox(image())[1]
    assert len(ABOUT["faces"]) == len(ours) == 3
    for found in (faces, np.array(ours)):
        np.testing.assert_allclose(found, ABOUT["faces"], atol=1e-5)
    for found in (eyes, np.array([box.face(face[4:]) for face in ours]).reshape(-1, 4)):
        np.testing.assert_allclose(found, ABOUT["eyes"], atol=1e-3)


def test_the_folder_holds_nothing_else() -> None:
    files = {entry["file"] for entry in ABOUT.values() if isinstance(entry, dict) and "file" in entry}
    assert {path.name for path in FOLDER.iterdir()} == files | {"face.json"}
