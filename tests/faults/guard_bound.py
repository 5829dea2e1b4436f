"""How many shuffled label sets any test can find: one that knows the owner's face better than a phone ever will.

The test is told the invented owner's own mixing of affect into features, offset and noise. Then the density of
the features is exact, and by the lemma of Neyman and Pearson no test finds more than the ratio of the density with
labels as they are and its mean over all orders of them, at the same share of honest sets declined.
"""

from __future__ import annotations

import itertools

import numpy as np

from pen_mobile.types import Doubles
from tests.faults.attacks import NOISE, expressed, labels_of, shuffled

OWNERS = 400
DECLINED = 0.05


def best_share_caught(count: int, sampling: str) -> float:
    """Return the share of shuffled sets that the best test declines when it declines 5 % of honest ones.

    Args:
        count: N, labels; all N! orders are compared.
        sampling: as in :func:`labels_of`.
    """
    honest, wrong = np.array([_evidence(seed, count, sampling) for seed in range(OWNERS)]).T
    return float(np.mean(wrong < np.quantile(honest, DECLINED)))


def _evidence(seed: int, count: int, sampling: str) -> tuple[float, float]:
    """Return the log ratio of densities for labels as they are, and shuffled."""
    labels = labels_of(seed, count, sampling)
    faces = expressed(seed, labels.affect)  # [N, D]
    squares = np.square(labels.z[:, None].astype(np.float64) - faces[None]).sum(axis=2) / (2 * NOISE**2)
    orders = np.array(list(itertools.permutations(range(count))))
    every = -squares[np.arange(count), orders].sum(axis=1)  # log density of the features, for each order of the labels
    mean = np.logaddexp.reduce(every) - np.log(len(every))
    order = [int(np.flatnonzero((labels.affect == one).all(axis=1))[0]) for one in shuffled(labels, seed).affect]
    ratios: Doubles = np.array([every[0], -squares[np.arange(count), order].sum()]) - mean
    return float(ratios[0]), float(ratios[1])
