"""What is wrong with a set of labels, as far as a phone can tell without knowing the truth."""

from __future__ import annotations

import numpy as np

from pen_mobile.phone.adaptation.blocks import BLOCK_S, ENOUGH_BLOCKS, Blocks
from pen_mobile.types import Doubles, Floats, Rows

_ALIKE = 0.01  # standard deviation of labels that say nothing
_FAR = 8.0  # times the median norm of the owner's features
_CLEAR = 0.3  # correlation that is enough, however slowly labels change
_BY_CHANCE = 0.05


def usable(features: Floats) -> Rows:
    """Return rows ``[M]`` whose features are like the others in size; what a broken camera gives is not.

    Args:
        features: ``[N, D_z]``.
    """
    norms = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    return np.flatnonzero(norms <= _FAR * np.median(norms))


def agreements_of(estimate: Floats, affect: Floats) -> Doubles:
    """Return how labels agree with what a head says, as they are and as if each belonged to a later moment, ``[N]``.

    Agreement is the correlation over both dimensions, each around its mean, so that somebody's own offset does not
    change it; 0 where either is constant. Element k is that of labels shifted by k moments, the last ones to the
    first: this keeps how alike neighbours are, and so says what chance gives. One Fourier transform gives all shifts.

    Args:
        estimate, affect: ``[N, 2]``.
    """
    said, felt = (values.astype(np.float64) - values.mean(axis=0) for values in (estimate, affect))
    size = np.sqrt((said**2).sum() * (felt**2).sum())
    products = (np.fft.rfft(said, axis=0) * np.conj(np.fft.rfft(felt, axis=0))).sum(axis=1)
    shifted: Doubles = np.fft.irfft(products, len(said))
    return shifted / size if size > 0 else np.zeros(len(said))


def why_doubt(affect: Floats, estimate: Floats) -> str | None:
    """Return why labels must not be learned from; None when nothing speaks against them.

    Args:
        affect: labels ``[N, 2]``.
        estimate: what the head in use says about them, ``[N, 2]``.
    """
    if not np.isfinite(estimate).all():
        return "what the head in use says about these faces is not a number"
    if affect.std(axis=0).max() < _ALIKE:
        return "all labels are the same; they say nothing about what changes a face"
    found, *elsewhere = agreements_of(estimate, affect)
    shifted = np.array(elsewhere)
    if found >= _CLEAR or (found > 0 and (shifted >= found).sum() < max(1.0, _BY_CHANCE * len(shifted))):
        return None
    if found < -np.quantile(shifted, 1 - _BY_CHANCE):
        return f"the labels contradict the head in use (correlation {found:.2f}); they may be inverted"
    return (
        f"the labels fit what the head in use says no better than labels of other moments would (correlation "
        f"{found:.2f}); they may belong to other moments or another person"
    )


def why_one_sided(blocks: Blocks) -> str | None:
    """Return why labels come from too little time to say anything about another; None when they do not."""
    if not blocks.by_time or blocks.count >= ENOUGH_BLOCKS:
        return None
    return (
        f"the labels come from {blocks.count} stretches of {BLOCK_S:g} s; at least {ENOUGH_BLOCKS} are needed to judge "
        "by another time than one that was learned"
    )
