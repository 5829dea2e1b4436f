"""Training frames changed a little at every pass, so that a backbone does not learn a few thousand crops by heart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Image, Rows


@dataclass(frozen=True)
class Augmentation:
    """Random mirror, shift, scale, turn and light; every draw depends on (seed, epoch, row) only.

    So a resumed run, and any number of threads, see the same pixels. None of the changes alters how a
    person would be labelled.

    Attributes:
        seed: of the run.
        mirror: probability that left and right change places.
        shift: largest shift either way, as a share of the side.
        scale: largest change of size either way, as a share.
        turn: largest rotation either way, degrees.
        brightness: largest change either way, as a share of white.
        contrast: largest change either way, as a share, around mid-grey.
    """

    seed: int
    mirror: float = 0.5
    shift: float = 0.05
    scale: float = 0.08
    turn: float = 8.0
    brightness: float = 0.10
    contrast: float = 0.15

    def __call__(self, pixels: Image, rows: Rows, epoch: int) -> Image:
        """Return changed frames.

        Args:
            pixels: uint8 RGB ``[B, S, S, 3]``; stays as it is.
            rows: which row of the table each one is, ``[B]``.
            epoch: which pass over the table this is.
        """
        changed = np.empty_like(pixels)
        for frame, out, row in zip(pixels, changed, rows, strict=True):
            self._change(frame, out, np.random.default_rng([self.seed, epoch, int(row)]))
        return changed

    def _change(self, frame: Image, out: Image, rng: np.random.Generator) -> None:
        mirrored = rng.random() < self.mirror
        across, down, scale, turn, brightness, contrast = rng.uniform(-1, 1, 6)
        matrix = _around_the_middle(len(frame), 1 + self.scale * scale, np.deg2rad(self.turn * turn), mirrored)
        matrix[:, 2] += self.shift * len(frame) * np.array([across, down])
        cv2.warpAffine(frame, matrix, frame.shape[:2], dst=out, borderMode=cv2.BORDER_REFLECT_101)
        cv2.LUT(out, _tones(255 * self.brightness * brightness, 1 + self.contrast * contrast), dst=out)


def _around_the_middle(size: int, scale: float, radians: float, mirrored: bool) -> NDArray[np.float64]:
    """Return the affine map ``[2, 3]`` of pixel centres that turns, scales and mirrors, and keeps the middle."""
    cosine, sine = scale * np.cos(radians), scale * np.sin(radians)
    linear = np.array([[cosine, -sine], [sine, cosine]]) * [-1 if mirrored else 1, 1]
    middle = np.full(2, (size - 1) / 2)
    return np.column_stack([linear, middle - linear @ middle])


def _tones(brightness: float, contrast: float) -> NDArray[np.uint8]:
    """Return what becomes of each grey level, ``[256]``."""
    levels = (np.arange(256) - 127.5) * contrast + 127.5 + brightness
    tones: NDArray[np.uint8] = np.rint(levels).clip(0, 255).astype(np.uint8)
    return tones
