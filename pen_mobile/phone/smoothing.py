"""The One-Euro filter: calm while little happens, quick when something does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Floats


class OneEuroFilter:
    """Smooths a signal of several dimensions as it arrives (Casiez, Roussel, Vogel 2012, https://doi.org/10.1145/2207676.2208639).

    A first-order low-pass whose cutoff rises with speed: ``cutoff = min_cutoff + beta |speed|``, where speed is itself
    low-passed with ``speed_cutoff``. A cutoff of f Hz weighs a value that comes s seconds after the last one by
    ``1 / (1 + 1 / (2 pi f s))``.
    """

    def __init__(self, min_cutoff: float = 0.15, beta: float = 0.6, speed_cutoff: float = 0.5) -> None:
        """Start anew.

        Args:
            min_cutoff: Hz; lower is calmer at rest.
            beta: higher follows quick changes sooner.
            speed_cutoff: Hz, of the low-pass on the speed.
        """
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self._last: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None

    def __call__(self, time_s: float, value: Floats) -> Floats:
        """Return the smoothed value ``[D]`` of a moment; moments come in order of time."""
        if self._last is None:
            self._last = (time_s, value.astype(np.float64), np.zeros(value.shape))
            return value
        last_s, smooth, speed = self._last
        elapsed = time_s - last_s
        if elapsed <= 0:
            return smooth.astype(np.float32)
        speed = speed + _weight(self.speed_cutoff, elapsed) * ((value - smooth) / elapsed - speed)
        smooth = smooth + _weight(self.min_cutoff + self.beta * np.abs(speed), elapsed) * (value - smooth)
        self._last = (time_s, smooth, speed)
        return smooth.astype(np.float32)


def smoothed(time_s: NDArray[np.float64], values: Floats) -> Floats:
    """Return ``values [N, D]`` smoothed in order of time; no value depends on a later one."""
    filtered = OneEuroFilter()
    return np.stack([filtered(float(when), value) for when, value in zip(time_s, values, strict=True)])


def _weight(cutoff: float | NDArray[np.float64], elapsed_s: float) -> float | NDArray[np.float64]:
    return 1 / (1 + 1 / (2 * math.pi * cutoff * elapsed_s))
