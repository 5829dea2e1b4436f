"""Splits into rows to train on and rows to evaluate on: one held-out set, or the folds of a cross-validation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pen_mobile.phone.adaptation.blocks import Blocks
from pen_mobile.types import Rows

_FOLDS = 5


class Split(NamedTuple):
    """Rows to train on, and rows that are held out."""

    train: Rows
    held_out: Rows


def cross_validation(blocks: Blocks, seed: int, most: int = _FOLDS) -> list[Split]:
    """Return folds that hold out every sample once; none where there is a single block.

    Args:
        blocks: the samples in blocks of time.
        seed: decides which block is in which fold.
        most: number of folds, if there are as many blocks.
    """
    count = min(most, blocks.count)
    if count < 2:
        return []
    fold_of = blocks.assign_folds(count, np.random.default_rng([seed, 1]))
    splits = (_split(blocks, fold_of == fold) for fold in range(count))
    return [split for split in splits if len(split.train)]


def hold_out(blocks: Blocks, share: float, seed: int) -> Split:
    """Hold out about a share of the samples, as whole blocks spread over the range of labels; at least one block.

    Args:
        blocks: the samples in blocks of time.
        share: of the samples, above 0 and below 1.
        seed: decides which blocks are held out.
    """
    count = max(2, min(blocks.count, round(1 / share)))
    return _split(blocks, blocks.assign_folds(count, np.random.default_rng([seed, 2])) == 0)


def _split(blocks: Blocks, is_held_out: np.ndarray) -> Split:
    held_out = np.flatnonzero(is_held_out)
    return Split(blocks.exclude_neighbours(np.flatnonzero(~is_held_out), held_out), held_out)
