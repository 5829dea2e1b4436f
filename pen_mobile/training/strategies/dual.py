r"""Ridge regression in dual form: a personal correction that is a combination of the person's own samples.

A correction ``f(z) = \sum_j alpha_j K(z, z_j)`` (plus an intercept b, if wanted) minimises
``\sum_j (r_j - f(z_j))^2 + |f|^2 / t``. The inverse regularization t = 1 / lambda is 0 where nothing is learnt,
which needs no special case: with ``S = (I + t K)^-1`` every formula here stays finite for all t >= 0, and all
eigenvalues of ``I + t K`` are at least 1, so that duplicate samples, and more samples than weights, do no harm in
float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pen_mobile.errors import BadInput

# lambda in units of the kernel's mean diagonal: infinite, then 1000 down to 0.0001 by half decades.
INVERSE_REGULARIZATION = (0.0, *(10.0 ** (k / 2) for k in range(-6, 9)))
MOST_LABELS = 8192  # K and its factor take 0.5 GB each
_CHOOSE_ON = 1000  # labels are enough to choose t, where an eigendecomposition still takes less than a second
_ROUNDING = 1e-9  # errors as close as this are equal, and the smaller t wins


Correction = tuple[Tensor, Tensor]
"""Weights of the samples alpha ``[N, K]``, and the intercept ``[K]``."""


def inverse_regularization_grid(kernel: Tensor) -> list[float]:
    """Return the candidates for t, from 0 upwards, for a kernel ``[N, N]``."""
    return [t / float(kernel.diagonal().mean()) for t in INVERSE_REGULARIZATION]


def left_out_residuals(kernel: Tensor, residual: Tensor, *, intercept: bool) -> Tensor:
    """Return each sample's residual when it is left out of the fit, for all t of the grid.

    Without an intercept it is ``(S r)_j / S_jj``. With one, S is replaced by the upper left block of the
    inverse of the bordered system ``[[I + t K, 1], [1^T, 0]]``, ``S - S 1 1^T S / (1^T S 1)``
    (Cawley & Talbot 2004, https://doi.org/10.1016/j.neunet.2004.07.002); at t = 0 that is the mean of the others.

    Args:
        kernel: K, ``[N, N]``, float64.
        residual: r, ``[N, K]``.

    Returns:
        ``[T, N, K]``. One sample with an intercept has nothing to be predicted from: its residual stays.
    """
    if intercept and len(kernel) == 1:
        return residual.expand(len(INVERSE_REGULARIZATION), -1, -1)
    values, vectors = torch.linalg.eigh(kernel)
    shrink = 1 / (
        1 + torch.tensor(inverse_regularization_grid(kernel)).to(values)[:, None] * values.clamp(min=0)
    )  # [T, N]
    solved = vectors @ (shrink[:, :, None] * (vectors.T @ residual))
    diagonal = shrink @ vectors.square().T
    if intercept:
        ones = (shrink * vectors.sum(dim=0)) @ vectors.T  # S 1, [T, N]
        total = ones.sum(dim=1, keepdim=True)
        solved = solved - ones[:, :, None] * (solved.sum(dim=1) / total)[:, None]
        diagonal = diagonal - ones.square() / total
    left_out: Tensor = solved / diagonal[:, :, None]
    return left_out


def first_of_the_best(errors: Tensor) -> int:
    """Return the first index whose error is the smallest but for rounding; -1 if none is finite."""
    finite = errors.nan_to_num(nan=torch.inf, posinf=torch.inf)
    best = finite.min()
    return int((finite <= best * (1 + _ROUNDING)).nonzero()[0]) if bool(best.isfinite()) else -1


def solve(kernel: Tensor, residual: Tensor, inverse_regularization: float, *, intercept: bool) -> Correction:
    """Return the correction that minimises the ridge objective for one t, by Cholesky."""
    identity = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    factor = torch.linalg.cholesky(identity + inverse_regularization * kernel)
    solved = torch.cholesky_solve(residual, factor)
    offset = torch.zeros_like(residual[0])
    if intercept:
        ones = torch.cholesky_solve(torch.ones_like(residual[:, :1]), factor)
        offset = solved.sum(dim=0) / ones.sum()
        solved = solved - ones * offset
    return inverse_regularization * solved, offset


def chosen_labels(count: int, seed: int) -> Tensor:
    """Return the labels to choose t on: all, or 1000 drawn by seed.

    Raises:
        BadInput: more labels than an ``N x N`` system can take.
    """
    if count > MOST_LABELS:
        raise BadInput(f"ridge strategies take at most {MOST_LABELS} labels, not {count}; give fewer or use gradient")
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return drawn[:_CHOOSE_ON].sort().values
