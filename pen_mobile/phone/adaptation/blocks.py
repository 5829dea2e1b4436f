"""Labels in blocks of time: moments close together are nearly copies, so they are held out together or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Rows

BLOCK_S = 10.0
"""How much time one block covers at most."""

GAP_S = 2.0
"""Labels nearer in time than this to a held-out one neither train nor judge with it."""

ENOUGH_BLOCKS = 4
"""With fewer, nothing can be known about another time than that of the labels."""

_CELLS = 4  # per axis of the affect plane


@dataclass(frozen=True, eq=False)
class Blocks:
    """Samples in blocks.

    Attributes:
        by_time: False when all samples were captured, or given without their times, within one block: each sample is
            a block of its own then, and chance decides.
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
        """Return the blocks of some of the samples, numbered anew; rows ascend."""
        number = np.unique(self.number[rows], return_inverse=True)[1].astype(np.intp)
        return Blocks(self.by_time, number, self.times[rows], self.affect[rows])

    def dealt(self, piles: int, rng: np.random.Generator) -> Rows:
        """Deal whole blocks to piles that all cover the affect plane alike; returns the pile of every sample, ``[N]``.

        Blocks go round cell by cell, in the order of chance within a cell.
        """
        count = self.count
        labels = np.bincount(self.number, minlength=count)
        mean = np.stack([np.bincount(self.number, values, count) / labels for values in self.affect.T], axis=1)
        column, row = np.clip(((mean + 1) / 2 * _CELLS).astype(int), 0, _CELLS - 1).T
        serpentine = column * _CELLS + np.where(column % 2, _CELLS - 1 - row, row)
        order = np.lexsort((rng.permutation(count), serpentine))
        pile = np.empty(count, np.intp)
        pile[order] = (np.arange(count) + rng.integers(piles)) % piles
        return pile[self.number]

    def apart(self, rows: Rows, held: Rows) -> Rows:
        """Return those of the rows that are not next to a held-out one in time; all, when chance decides."""
        if not self.by_time or not len(held) or not len(rows):
            return rows
        taken = np.sort(self.times[held])
        place = np.searchsorted(taken, self.times[rows])
        before = np.abs(self.times[rows] - taken[np.maximum(place - 1, 0)])
        after = np.abs(taken[np.minimum(place, len(taken) - 1)] - self.times[rows])
        return rows[np.minimum(before, after) >= GAP_S]


def blocks_of(samples: Samples) -> Blocks:
    """Cut samples, oldest first, into blocks: a new one begins when the last has lasted long enough."""
    times = relative_times(samples)
    number = np.zeros(len(times), np.intp)
    begun = 0.0
    for row in range(1, len(times)):
        new = times[row] - begun >= BLOCK_S
        begun = times[row] if new else begun
        number[row] = number[row - 1] + new
    by_time = len(times) > 0 and float(times[-1]) >= BLOCK_S
    return Blocks(by_time, number if by_time else np.arange(len(times), dtype=np.intp), times, samples.labels)


def spread(rows: Rows, most: int) -> Rows:
    """Return so many of the rows at most, evenly from first to last."""
    return rows[np.round(np.linspace(0, len(rows) - 1, min(len(rows), most))).astype(np.intp)]


def relative_times(samples: Samples) -> NDArray[np.float64]:
    """Return seconds after the first sample ``[N]``, to the millisecond: what the clock said does not matter."""
    return np.round(samples.captured_at - samples.captured_at[:1], 3)
