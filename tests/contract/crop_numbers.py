"""The crop of ``export/BUNDLE.md`` in numpy alone: what a phone without OpenCV writes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Doubles = NDArray[np.float64]
Levels = NDArray[np.uint8]


def crop(image: Levels, right: Point, left: Point, size: int, margin: float, eye_height: float) -> Levels:
    distance = math.hypot(left[0] - right[0], left[1] - right[1])
    scale = size / (margin * distance)
    if scale < 0.5:
        height, width = image.shape[:2]
        image = shrink(image, max(1, round(height * scale)), max(1, round(width * scale)))
        across, down = image.shape[1] / width, image.shape[0] / height
        right, left = ((x * across + (across - 1) / 2, y * down + (down - 1) / 2) for x, y in (right, left))
        distance = math.hypot(left[0] - right[0], left[1] - right[1])
    step = margin * distance / size
    c, s = step * (left[0] - right[0]) / distance, step * (left[1] - right[1]) / distance
    u = np.arange(size)[None, :] - (size / 2 - 0.5)
    v = np.arange(size)[:, None] - (size * eye_height - 0.5)
    x = (right[0] + left[0]) / 2 + c * u - s * v
    y = (right[1] + left[1]) / 2 + s * u + c * v
    return to_levels(sample(image, x, y))


def sample(image: Levels, x: Doubles, y: Doubles) -> Doubles:
    columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - columns)[..., None], (y - rows)[..., None]

    def at(row: NDArray[np.int64], column: NDArray[np.int64]) -> Doubles:
        return image[np.clip(row, 0, image.shape[0] - 1), np.clip(column, 0, image.shape[1] - 1)].astype(float)

    above = at(rows, columns) * (1 - fx) + at(rows, columns + 1) * fx
    below = at(rows + 1, columns) * (1 - fx) + at(rows + 1, columns + 1) * fx
    return above * (1 - fy) + below * fy


def shrink(image: Levels, height: int, width: int) -> Levels:
    down, across = shares(image.shape[0], height), shares(image.shape[1], width)
    return to_levels(np.einsum("ij,jkc,lk->ilc", down, image.astype(float), across, optimize=True))


def shares(many: int, few: int) -> Doubles:
    ratio, edge = many / few, np.arange(many)[None, :]
    begin = np.arange(few)[:, None] * ratio
    return np.maximum(0, np.minimum(begin + ratio, edge + 1) - np.maximum(begin, edge)) / ratio


def to_levels(values: Doubles) -> Levels:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
