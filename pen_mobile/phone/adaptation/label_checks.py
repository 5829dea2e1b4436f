"""Checks of a set of labels that need no true labels."""

from __future__ import annotations

import numpy as np

from pen_mobile.phone.adaptation.blocks import BLOCK_S, ENOUGH_BLOCKS, Blocks
from pen_mobile.types import Doubles, Floats, Rows

_ALIKE = 0.01  # standard deviation of labels that are all the same
_FAR = 8.0  # times the median norm of the owner's features
_CLEAR = 0.3  # correlation that is enough, however slowly labels change
_BY_CHANCE = 0.05


def usable_rows(features: Floats) -> Rows:
    """Return rows ``[M]`` whose features have a norm like the others; a broken camera gives another.

    Args:
        features: ``[N, D_z]``.
    """
    norms = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    return np.flatnonzero(norms <= _FAR * np.median(norms))


def correlations(estimate: Floats, affect: Floats) -> Doubles:
    """Return the correlation of labels with estimates ``[N]``, with the labels shifted by 0 to N - 1 samples.

    The correlation is over all targets, each around its mean, so that a person's own offset does not change it; 0
    where either is constant. Element k is that of labels shifted by k samples, the last ones to the first: neighbours
    stay as alike as they are, so the shifted ones say what chance gives. One Fourier transform gives all.

    Args:
        estimate: ``[N, K]``.
        affect: labels ``[N, K]``.
    """
    first, second = (values.astype(np.float64) - values.mean(axis=0) for values in (estimate, affect))
    size = np.sqrt((first**2).sum() * (second**2).sum())
    products = (np.fft.rfft(first, axis=0) * np.conj(np.fft.rfft(second, axis=0))).sum(axis=1)
    shifted: Doubles = np.fft.irfft(products, len(first))
    return shifted / size if size > 0 else np.zeros(len(first))


def find_label_problem(affect: Floats, estimate: Floats) -> str | None:
    """Return a reason not to train on labels; None when there is none.

    Args:
        affect: labels ``[N, K]``.
        estimate: estimates of the head in use for them, ``[N, K]``.
    """
    if not np.isfinite(estimate).all():
        return "the head in use gives estimates that are not numbers for these faces"
    if affect.std(axis=0).max() < _ALIKE:
        return "all labels are the same; they say nothing about what changes a face"
    found, *elsewhere = correlations(estimate, affect)
    shifted = np.array(elsewhere)
    if found >= _CLEAR or (found > 0 and (shifted >= found).sum() < max(1.0, _BY_CHANCE * len(shifted))):
        return None
    if found < -np.quantile(shifted, 1 - _BY_CHANCE):
        return f"the labels contradict the head in use (correlation {found:.2f}); they may be inverted"
    return (
        f"the labels fit the estimates of the head in use no better than labels of other moments would (correlation "
        f"{found:.2f}); they may belong to other moments or another person"
    )


def find_coverage_problem(blocks: Blocks) -> str | None:
    """Return why the labels cover too little time to say anything about another; None when they do not."""
    if not blocks.by_time or blocks.count >= ENOUGH_BLOCKS:
        return None
    return (
        f"the labels come from {blocks.count} stretches of {BLOCK_S:g} s; at least {ENOUGH_BLOCKS} are needed to judge "
        "by another time than one that was learned"
    )
