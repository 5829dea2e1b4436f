"""Which labels judge: some that are held out once, or each in turn (cross-validation)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pen_mobile.phone.adaptation.blocks import Blocks
from pen_mobile.types import Rows

_FOLDS = 5


class Split(NamedTuple):
    """Rows that may be learned from, and rows kept apart to look at the result."""

    learn: Rows
    held: Rows


def cross_validation(blocks: Blocks, seed: int, most: int = _FOLDS) -> list[Split]:
    """Return folds that hold out every sample once; where there is a single block, none."""
    folds = min(most, blocks.count)
    if folds < 2:
        return []
    pile = blocks.dealt(folds, np.random.default_rng([seed, 1]))
    splits = (_split(blocks, pile == fold) for fold in range(folds))
    return [split for split in splits if len(split.learn)]


def hold_out(blocks: Blocks, share: float, seed: int) -> Split:
    """Hold out about a share of the samples, as whole blocks spread over the affect plane; at least one block."""
    rng = np.random.default_rng([seed, 2])
    piles = max(2, min(blocks.count, round(1 / share)))
    return _split(blocks, blocks.dealt(piles, rng) == 0)


def _split(blocks: Blocks, is_held: np.ndarray) -> Split:
    held = np.flatnonzero(is_held)
    return Split(blocks.apart(np.flatnonzero(~is_held), held), held)
