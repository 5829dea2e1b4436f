"""Which blocks of a backbone stay in float so that int8 costs no more than a budget allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.quantization.quantizer import Quantizer
from pen_mobile.contract.evidence import QuantizationTrial
from pen_mobile.types import Floats


@dataclass(frozen=True)
class Loss:
    """What a backbone's change cost, on frames that neither training nor calibration has seen.

    Attributes:
        ccc: CCC of the float model minus CCC with the changed features, mean over targets.
        cosine: mean cosine between changed and float features.
    """

    ccc: float
    cosine: float

    def fits(self, budget: Loss) -> bool:
        """True when neither figure is worse than the budget's; NaN never fits."""
        return self.ccc <= budget.ccc and self.cosine >= budget.cosine

    def less(self, expected: Loss, found: Loss) -> Loss:
        """Return this budget less what a loss turned out worse than expected."""
        return Loss(self.ccc - max(found.ccc - expected.ccc, 0), self.cosine + max(expected.cosine - found.cosine, 0))


@dataclass(frozen=True)
class Trial:
    """One attempt: which blocks stayed in float, what the rest in int8 cost, after how much fine-tuning."""

    float_blocks: list[str]
    loss: Loss
    qat_epochs: int = 0

    def record(self) -> QuantizationTrial:
        """Return the entry of the manifest."""
        return QuantizationTrial(
            float_blocks=self.float_blocks,
            ccc_loss=self.loss.ccc,
            cosine=self.loss.cosine,
            qat_epochs=self.qat_epochs,
        )

    def __str__(self) -> str:
        tuned = " after fine-tuning" if self.qat_epochs else ""
        loss = f"CCC loss {self.loss.ccc:.4f}, cosine {self.loss.cosine:.4f}"
        return f"{len(self.float_blocks)} blocks in float{tuned}: {loss}"


class SensitivitySearch:
    """Blocks from the most to the least sensitive, and what was tried on the way down.

    Each block is put into int8 alone, and the angle by which that turns the features is its sensitivity: one pass
    over the calibration frames for each block. Keeping one block in float at a time instead costs as much and says
    less, because the other blocks' errors hide its own.

    Attributes:
        trials: what was measured, in order.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        judge: Callable[[Floats], Loss],
        frames: NDArray[np.uint8],
        sample: NDArray[np.uint8],
        max_float_share: float = 1.0,
    ) -> None:
        """Prepare to try.

        Args:
            quantizer: what makes features.
            judge: what says how much features of ``frames`` lost.
            frames: uint8 ``[N, S, S, 3]``.
            sample: frames that decide the order of blocks.
            max_float_share: at most this share of the blocks stays in float; all of them never do.
        """
        self._quantizer, self._judge, self._frames, self._sample = quantizer, judge, frames, sample
        count = len(quantizer.blocks)
        self._most = min(int(max_float_share * count), count - 1)
        self.trials: list[Trial] = []

    def fewest_float_blocks(self, budget: Loss) -> Trial | None:
        """Return the trial with the shortest head of the ladder that fits, or None when none does.

        All in int8 is tried first. Then the number of float blocks is halved towards the least that fits; every
        simulated trial counts the rounding exactly as torch's own int8 graph does.
        """
        whole = self._try([])
        if whole.loss.fits(budget):
            return whole
        least, most = 1, self._most + 1  # so many stands for none
        while least < most:
            middle = (least + most) // 2
            fits = self._try(self._order[:middle]).loss.fits(budget)
            least, most = (least, middle) if fits else (middle + 1, most)
        return self._try(self._order[:least]) if least <= self._most else None

    def _try(self, float_blocks: list[str]) -> Trial:
        for trial in self.trials:
            if trial.float_blocks == float_blocks:
                return trial
        trial = Trial(float_blocks, self._judge(self._quantizer.simulate(float_blocks, self._frames)))
        self.trials.append(trial)
        return trial

    @cached_property
    def _order(self) -> list[str]:
        blocks = self._quantizer.blocks
        exact = self._quantizer.simulate(blocks, self._sample)
        alone = {
            block: cosine(self._quantizer.simulate([other for other in blocks if other != block], self._sample), exact)
            for block in blocks
        }
        return sorted(blocks, key=alone.__getitem__)


def cosine(left: Floats, right: Floats) -> float:
    """Return the mean cosine between rows of two ``[N, D_z]`` arrays; a pair of which one is zero counts 0."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = np.einsum("nd,nd->n", left, right)
    return float(np.mean(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)))
