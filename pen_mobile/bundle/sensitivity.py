"""Which blocks of a backbone stay in float so that int8 costs no more than a budget allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.quantize import Quantizer

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Loss:
    """What a backbone's change cost, on frames that neither training nor calibration has seen.

    Attributes:
        ccc: CCC of the float model minus CCC with the changed features, mean of valence and arousal.
        cosine: mean cosine between changed and float features.
    """

    ccc: float
    cosine: float

    def fits(self, budget: Loss) -> bool:
        """True when neither figure is worse than the budget's; NaN never fits."""
        return self.ccc <= budget.ccc and self.cosine >= budget.cosine


@dataclass(frozen=True)
class Trial:
    """One attempt: which blocks stayed in float, and what the rest in int8 cost."""

    float_blocks: list[str]
    loss: Loss


class Ladder:
    """Blocks from the most to the least sensitive, and what was tried on the way down.

    Each block is put into int8 alone, and the angle by which that turns the features is its sensitivity: one pass
    over the calibration frames for each block. Keeping one block in float at a time instead costs as much and says
    less, because the other blocks' errors hide its own.

    Attributes:
        trials: what was measured, in order.
    """

    def __init__(self, quantizer: Quantizer, judge: Callable[[Floats], Loss], frames: NDArray[np.uint8]) -> None:
        """Take a quantizer and what judges features of ``frames`` ``[N, S, S, 3]``."""
        self._quantizer, self._judge, self._frames = quantizer, judge, frames
        self.trials: list[Trial] = []

    def fewest_float_blocks(self, budget: Loss, sample: NDArray[np.uint8]) -> list[str] | None:
        """Return the shortest head of the ladder that fits, or None when nothing but float does.

        All in int8 is tried first. Then the number of float blocks is halved towards the least that fits; every
        simulated trial counts the rounding exactly as torch's own int8 graph does.

        Args:
            budget: the largest loss.
            sample: frames that decide the order of blocks.
        """
        if self._fits([], budget):
            return []
        order = self._order(sample)
        least, most = 1, len(order)
        while least < most:
            middle = (least + most) // 2
            least, most = (least, middle) if self._fits(order[:middle], budget) else (middle + 1, most)
        return order[:least] if least < len(order) else None

    def _fits(self, float_blocks: list[str], budget: Loss) -> bool:
        loss = self._judge(self._quantizer.simulate(float_blocks, self._frames))
        self.trials.append(Trial(float_blocks, loss))
        return loss.fits(budget)

    def _order(self, sample: NDArray[np.uint8]) -> list[str]:
        blocks = self._quantizer.blocks
        exact = self._quantizer.simulate(blocks, sample)
        alone = {
            block: cosine(self._quantizer.simulate([other for other in blocks if other != block], sample), exact)
            for block in blocks
        }
        return sorted(blocks, key=alone.__getitem__)


def cosine(left: Floats, right: Floats) -> float:
    """Return the mean cosine between rows of two ``[N, D_z]`` arrays; a pair of which one is zero counts 0."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = np.einsum("nd,nd->n", left, right)
    return float(np.mean(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)))
