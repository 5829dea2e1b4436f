"""Detection of ``export/BUNDLE.md`` around its network, in numpy alone: what a phone without OpenCV does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.contract.crop_numbers import crop, sample, to_levels

Doubles = NDArray[np.float64]
Network = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]


def find_face(image: NDArray[np.uint8], part: dict[str, Any], network: Network) -> Doubles | None:
    """Eyes of the face of an image without a face before it: x, y of the right eye, then of the left."""
    search, (height, width) = part["search"], image.shape[:2]
    faces = look(image, part, network)
    if not faces and height != width:
        n, last = min(height, width), abs(height - width)
        for start in [*range(0, last, max(1, n // 2, last // search["squares"])), last]:
            top, left = (start, 0) if height > width else (0, start)
            seen = look(image[top : top + n, left : left + n], part, network)
            faces += [face + np.array([left, top, left, top]) for face in seen]
    face = max(faces, key=distance, default=None)
    if face is None:
        return None
    settled = settle(image, face, part, network)
    return face if settled is None else settled


def settle(image: NDArray[np.uint8], face: Doubles, part: dict[str, Any], network: Network) -> Doubles | None:
    search, side = part["search"], part["side"]
    margin, eye_height = search["window_margin"], search["window_eye_height"]
    half, middle = side / margin / 2, np.array([side / 2 - 0.5, side * eye_height - 0.5])
    for _ in range(search["looks"]):
        window = crop(image, tuple(face[:2]), tuple(face[2:]), side, margin, eye_height)
        faces = look(window, part, network)
        near = min(faces, key=lambda seen: np.hypot(*((seen[:2] + seen[2:]) / 2 - middle)), default=None)
        if near is None:
            return None
        if np.hypot(*((near[:2] + near[2:]) / 2 - middle)) > search["reach"] * 2 * half:
            near = max(faces, key=distance)
        c, s = (face[2:] - face[:2]) * margin / side
        offsets = near.reshape(2, 2) - middle
        seen = ((face[:2] + face[2:]) / 2 + offsets @ np.array([[c, s], [-s, c]])).ravel()
        change, face = np.abs(seen - face).max() / distance(face), seen
        if change < search["settled"]:
            break
    return face


def look(image: NDArray[np.uint8], part: dict[str, Any], network: Network) -> list[Doubles]:
    search = part["search"]
    places, scores = network(square_of(image, part["side"]))
    places, scores = np.reshape(places, (-1, 8)), np.ravel(scores)
    eyes = faces_of(places, scores, search["min_score"], search["max_overlap"], image.shape)[1]
    return [face for face in eyes if distance(face) > 0]


def distance(eyes: Doubles) -> float:
    return float(np.hypot(*(eyes[2:] - eyes[:2])))


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
    found = np.reshape(faces, (-1, 8))
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
