"""Samples in blocks of time: samples close together are nearly copies, so a block is held out as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Rows

BLOCK_S = 10.0
"""How much time one block covers at most."""

GAP_S = 2.0
"""Samples nearer in time than this to a held-out one are left out of training."""

ENOUGH_BLOCKS = 4
"""With fewer, the labels say nothing about another time than their own."""

_CELLS = 4  # per axis of the affect plane


@dataclass(frozen=True, eq=False)
class Blocks:
    """Samples in blocks.

    Attributes:
        by_time: False when all samples were captured, or given without their times, within one block: each sample is
            then a block of its own, and folds are random.
        number: the block of every sample, ``[N]``, from 0 in order of time.
        times: when each sample was captured, seconds after the first, ``[N]``.
        affect: labels ``[N, 2]``.
    """

    by_time: bool
    number: Rows
    times: NDArray[np.float64]
    affect: NDArray[np.float32]

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return int(self.number[-1]) + 1

    def of(self, rows: Rows) -> Blocks:
        """Return the blocks of some of the samples, numbered anew.

        Args:
            rows: row numbers ``[M]``, ascending.
        """
        number = np.unique(self.number[rows], return_inverse=True)[1].astype(np.intp)
        return Blocks(self.by_time, number, self.times[rows], self.affect[rows])

    def assign_folds(self, folds: int, rng: np.random.Generator) -> Rows:
        """Return the fold of every sample ``[N]``: whole blocks, and labels spread alike in every fold.

        Blocks are taken cell by cell of the affect plane, in random order within a cell, and go to the folds in turn.

        Args:
            folds: how many.
            rng: draws the order within a cell.
        """
        count = self.count
        labels = np.bincount(self.number, minlength=count)
        mean = np.stack([np.bincount(self.number, values, count) / labels for values in self.affect.T], axis=1)
        column, row = np.clip(((mean + 1) / 2 * _CELLS).astype(int), 0, _CELLS - 1).T
        serpentine = column * _CELLS + np.where(column % 2, _CELLS - 1 - row, row)
        order = np.lexsort((rng.permutation(count), serpentine))
        fold = np.empty(count, np.intp)
        fold[order] = (np.arange(count) + rng.integers(folds)) % folds
        return fold[self.number]

    def exclude_neighbours(self, rows: Rows, held_out: Rows) -> Rows:
        """Return the rows that are at least :data:`GAP_S` from every held-out one; all, when folds are random.

        Args:
            rows: row numbers to choose from, ``[M]``.
            held_out: row numbers of the held-out samples.
        """
        if not self.by_time or not len(held_out) or not len(rows):
            return rows
        taken = np.sort(self.times[held_out])
        place = np.searchsorted(taken, self.times[rows])
        before = np.abs(self.times[rows] - taken[np.maximum(place - 1, 0)])
        after = np.abs(taken[np.minimum(place, len(taken) - 1)] - self.times[rows])
        return rows[np.minimum(before, after) >= GAP_S]


def blocks_of(samples: Samples) -> Blocks:
    """Divide samples into blocks: a new one begins when the last has lasted :data:`BLOCK_S`.

    Args:
        samples: oldest first.
    """
    times = relative_times(samples)
    number = np.zeros(len(times), np.intp)
    begun = 0.0
    for row in range(1, len(times)):
        new = times[row] - begun >= BLOCK_S
        begun = times[row] if new else begun
        number[row] = number[row - 1] + new
    by_time = len(times) > 0 and float(times[-1]) >= BLOCK_S
    return Blocks(by_time, number if by_time else np.arange(len(times), dtype=np.intp), times, samples.labels)


def evenly_spaced(rows: Rows, most: int) -> Rows:
    """Return at most so many of the rows, evenly from first to last.

    Args:
        rows: row numbers ``[N]``.
        most: how many to keep.
    """
    return rows[np.round(np.linspace(0, len(rows) - 1, min(len(rows), most))).astype(np.intp)]


def relative_times(samples: Samples) -> NDArray[np.float64]:
    """Return seconds after the first sample ``[N]``, to the millisecond."""
    return np.round(samples.captured_at - samples.captured_at[:1], 3)
