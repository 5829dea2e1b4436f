"""Golden cases of face detection around the network, as plain files in ``export/golden/face``, for any weights.

    python -m tests.contract.golden_face

writes them anew: an image and the square that the network sees of it; answers of an invented network and the faces
that they are.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from pen_mobile.contract.face import FaceSearch
from pen_mobile.types import Floats, Image

FOLDER = Path(__file__).parent.parent.parent / "export" / "golden" / "face"
WHAT = (
    "One look without its network: 'image' (uint8, [height, width, 3], RGB) becomes 'square' (uint8, [side, side, 3]), "
    "right within one grey level; 'places' (float32, [anchors, 8]) and 'scores' (float32, [anchors]) of an invented "
    "network become 'faces' (boxes and eyes as shares of the side, the most probable first) by the numbers of "
    "'search', right within 1e-5; 'eyes' are theirs in pixels of the image (x, y of the right eye, then of the left), "
    "right within 1e-3."
)
SIDE, ANCHORS = 128, 896


def image() -> Image:
    """72 wide and 56 high, so that the square has bands and is sampled between pixels."""
    rows, columns = np.mgrid[:56, :72]
    slope = np.stack([3 * rows, 2 * columns, 160 - rows - columns], axis=-1)
    return (slope + np.random.default_rng(5).integers(0, 60, slope.shape)).astype(np.uint8)


def answers() -> tuple[Floats, Floats]:
    """Three groups of overlapping answers, two of which touch, among many below the threshold."""
    rng = np.random.default_rng(6)
    places = rng.uniform(0.05, 0.95, (ANCHORS, 8))
    scores = rng.uniform(0, 0.49, ANCHORS)
    for first, count, x, y, size in ((40, 5, 0.3, 0.4, 0.3), (300, 4, 0.52, 0.42, 0.26), (700, 1, 0.8, 0.8, 0.12)):
        rows = slice(first, first + count)
        box = np.array([x, y, size, size, x - size / 5, y - size / 8, x + size / 5, y - size / 8])
        places[rows] = box + rng.normal(0, 0.02 * size, (count, 8))
        scores[rows] = rng.uniform(0.55, 0.98, count)
    return places.astype(np.float32), scores.astype(np.float32)


def main() -> None:
    """Replace the folder."""
    from tests.contract.face_numbers import faces_of, square_of

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (places, scores), search = answers(), FaceSearch()
    arrays = {"image": image(), "square": square_of(image(), SIDE), "places": places, "scores": scores}
    index = {}
    for name, array in arrays.items():
        array.astype(array.dtype.newbyteorder("<")).tofile(FOLDER / f"{name}.bin")
        index[name] = {"file": f"{name}.bin", "dtype": array.dtype.name, "shape": list(array.shape)}
    faces, eyes = faces_of(places, scores, search.min_score, search.max_overlap, image().shape)
    found = {"search": search.model_dump(), "faces": np.round(faces, 6).tolist(), "eyes": np.round(eyes, 4).tolist()}
    text = json.dumps({"what": WHAT, **index, **found}, indent=1)
    (FOLDER / "face.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
