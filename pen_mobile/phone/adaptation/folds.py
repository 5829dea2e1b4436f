"""Votes, folds and the order of batches: rules that follow from times, so that every phone does the same."""

from __future__ import annotations

import numpy as np

from pen_mobile.types import Doubles, Rows

FOLDS = 5


def thin_out(times: Doubles, most: int) -> Rows:
    """Return at most so many rows, far apart in time.

    While there are more, the row goes that is closest in time to the row before it; among equals the oldest. So labels
    of one moment go first, and of labels at equal distances the old ones get sparse before the new ones.

    Args:
        times: seconds, ascending, ``[N]``.
        most: how many rows to keep.
    """
    rows = np.arange(len(times))
    gaps = np.diff(times, prepend=-np.inf)
    while len(rows) > most:
        place = int(np.argmin(gaps))
        if place + 1 < len(rows):
            gaps[place + 1] = times[rows[place + 1]] - times[rows[place - 1]]
        rows, gaps = np.delete(rows, place), np.delete(gaps, place)
    return rows


def votes_of(times: Doubles, noise_seconds: float) -> Doubles:
    """Return how much each label counts ``[N]``: 1 alone in its time, less among neighbours.

    Args:
        times: seconds ``[N]``.
        noise_seconds: time over which errors of neighbouring labels are alike.
    """
    votes: Doubles = 1 / np.exp(-np.abs(times[:, None] - times) / noise_seconds).sum(axis=1)
    return votes


def time_folds(times: Doubles, votes: Doubles) -> Rows:
    """Return the fold of every label ``[N]``: stretches of time with equal votes; labels of one instant stay together.

    A label's place is the sum of the votes before it and of half the votes of its own instant; place p of P in all is
    in fold ``5 p // P``.

    Args:
        times: seconds, ascending, ``[N]``.
        votes: ``[N]``.
    """
    before, after = (np.searchsorted(times, times, side) for side in ("left", "right"))
    total = np.concatenate([[0], np.cumsum(votes)])
    place = (total[before] + total[after]) / 2
    folds: Rows = np.minimum(FOLDS * place / max(total[-1], 1e-12), FOLDS - 1).astype(np.intp)
    return folds


def batch_order(count: int, epoch: int) -> Rows:
    """Return the order in which an epoch takes its samples.

    A Fisher-Yates shuffle by the generator ``x <- (1664525 x + 1013904223) mod 2^32`` (Numerical Recipes), which starts
    at the number of the epoch: for i from N - 1 down to 1, the next x swaps places i and ``x (i + 1) // 2^32``.

    Args:
        count: N, samples.
        epoch: its number, from 0.
    """
    order, x = list(range(count)), epoch
    for i in range(count - 1, 0, -1):
        x = (1664525 * x + 1013904223) % 2**32
        j = x * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.intp)
