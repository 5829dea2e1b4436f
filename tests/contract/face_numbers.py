"""One look of ``export/BUNDLE.md`` around its network, in numpy alone: what a phone without OpenCV does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.contract.crop_numbers import sample, to_levels

Doubles = NDArray[np.float64]


def square_of(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    longer = max(height, width)
    left, top, step = (width - longer) / 2, (height - longer) / 2, longer / side
    x, y = np.meshgrid(np.arange(side) * step + left, np.arange(side) * step + top)
    black = np.pad(image, ((longer, longer), (longer, longer), (0, 0)))  # black around it, not the edge repeated
    return to_levels(sample(black, x + longer, y + longer))


def faces_of(
    places: NDArray[np.float32],
    scores: NDArray[np.float32],
    min_score: float,
    max_overlap: float,
    shape: tuple[int, ...],
) -> tuple[Doubles, Doubles]:
    left = [row for row in np.argsort(-scores, kind="stable") if scores[row] >= min_score]
    faces = []
    while left:
        group = [row for row in left if row == left[0] or overlap(places[left[0]], places[row]) > max_overlap]
        weights = scores[group].astype(float)
        faces.append((places[group] * weights[:, None]).sum(axis=0) / weights.sum())
        left = [row for row in left if row not in group]
    found = np.array(faces)
    height, width = shape[:2]
    longer = max(height, width)
    corner = np.array([(width - longer) / 2 - 0.5, (height - longer) / 2 - 0.5] * 2)
    return found, found[:, 4:] * longer + corner


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    common = 1.0
    for axis in (0, 1):
        low = max(a[axis] - a[axis + 2] / 2, b[axis] - b[axis + 2] / 2)
        high = min(a[axis] + a[axis + 2] / 2, b[axis] + b[axis + 2] / 2)
        common *= max(0.0, float(high - low))
    return common / float(a[2] * a[3] + b[2] * b[3] - common)
