"""Golden cases of the crop, as plain files in ``export/golden/crop``, for readers without OpenCV.

    python -m tests.contract.golden_crop

writes them anew: one picture, and for each case the eyes, the crop and the frame in uint8 RGB.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.types import Image
from tests.contract.crop_numbers import crop

FOLDER = Path(__file__).parent.parent.parent / "export" / "golden" / "crop"
WHAT = (
    "The crop in numbers: an image (uint8, [height, width, 3], RGB) and, for each case, the eyes in pixels, the crop "
    "and the expected frame (uint8, [size, size, 3]). A reader is right within one grey level."
)
CASES: dict[str, dict[str, Any]] = {
    "level": {"right_eye": [38.0, 40.0], "left_eye": [58.0, 40.0], "size": 48, "margin": 3.0},
    "turned": {"right_eye": [40.25, 52.5], "left_eye": [55.5, 37.75], "size": 32, "margin": 3.0},
    "upside down": {"right_eye": [60.0, 41.0], "left_eye": [40.5, 38.0], "size": 32, "margin": 3.0},
    "over the corner": {"right_eye": [3.0, 4.5], "left_eye": [14.0, 9.0], "size": 32, "margin": 4.5},
    "half as fine": {"right_eye": [34.0, 36.0], "left_eye": [66.0, 36.0], "size": 48, "margin": 3.0},
    "shrunk first": {"right_eye": [30.5, 33.0], "left_eye": [71.0, 44.0], "size": 32, "margin": 4.5},
    "shrunk to a quarter": {"right_eye": [12.0, 64.0], "left_eye": [76.0, 64.0], "size": 48, "margin": 3.0},
}


def picture() -> Image:
    """Noise on a slope, 80 high and 112 wide: every error of a pixel shows."""
    rows, columns = np.mgrid[:80, :112]
    slope = np.stack([rows, columns, 159 - rows - columns // 2], axis=-1)
    return (slope + np.random.default_rng(17).integers(0, 97, slope.shape)).astype(np.uint8)


def main() -> None:
    """Replace the folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    image = picture()
    image.tofile(FOLDER / "image.bin")
    cases = []
    for name, case in CASES.items():
        file = f"{name.replace(' ', '-')}.bin"
        frame(image, case).tofile(FOLDER / file)
        cases.append({"name": name, **case, "eye_height": 0.4, "frame": file})
    about = {"what": WHAT, "image": {"file": "image.bin", "shape": list(image.shape)}, "cases": cases}
    (FOLDER / "crop.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def frame(image: Image, case: dict[str, Any]) -> Image:
    """The frame that the numbers of ``export/BUNDLE.md`` give."""
    right, left = tuple(case["right_eye"]), tuple(case["left_eye"])
    return crop(image, right, left, case["size"], case["margin"], 0.4)


if __name__ == "__main__":
    main()
