"""How far people differ: the numbers with which adapted heads err least on source people.

For each target the logarithm of the RMSE after simulated adaptation is minimised over the spreads of level, gain and
weights, the part and the length of the error that neighbours share, and the prior level and gain (L-BFGS). The noise
is 1 meanwhile: estimates depend on the ratios of variances only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pen_mobile.training.prior.episodes import EpisodeBatch, SourcePerson

_ITERATIONS = 40
_WIDEST = 6.0  # logarithm of the ratio of a spread and the noise: beyond, nothing changes but rounding
_PULL = 1e-3  # toward the start, per squared unit of a logarithm
LEAST_ERROR = 1e-4
"""RMSE below which an adaptation counts as perfect."""


@dataclass(frozen=True)
class Spreads:
    """Numbers of one target; standard deviations are in units of the labels.

    Attributes:
        level: prior mean of a person's level.
        gain: prior mean of the gain.
        level_spread, gain_spread, weight_spread: standard deviations over people.
        noise, shared_noise: standard deviations of an error: each label's own part, and what neighbours share.
        noise_length: seconds.
        error: geometric mean of the RMSE after simulated adaptation.
    """

    level: float
    gain: float
    level_spread: float
    gain_spread: float
    weight_spread: float
    noise: float
    shared_noise: float
    noise_length: float
    error: float


def weak_defaults(people: Sequence[SourcePerson], target: int) -> Spreads:
    """Return spreads that are stated, not learned; where learning starts, and what two or three people get.

    A level may be anywhere that labels are; a gain is 1 give or take 0.3; weights explain a quarter of the labels'
    variance; of the rest, half is each label's own and half is shared within a thirtieth of a recording.

    Args:
        people: source people.
        target: number of the target.
    """
    labels = np.concatenate([person.y[:, target] for person in people])
    deviation = max(float(labels.std()), 1e-3)
    span = float(np.median([np.ptp(person.time) for person in people]))
    return Spreads(
        level=float(np.mean([person.y[:, target].mean() for person in people])),
        gain=1.0,
        level_spread=deviation,
        gain_spread=0.3,
        weight_spread=0.5 * deviation,
        noise=0.5 * deviation,
        shared_noise=0.5 * deviation,
        noise_length=max(span / 30, 1e-3),
        error=0.7 * deviation,
    )


def learn_spreads(batches: Sequence[EpisodeBatch], target: int, start: Spreads) -> Spreads:
    """Return the spreads that simulated adaptation errs least with.

    Args:
        batches: simulated adaptations.
        target: number of the target.
        start: where to start from, and what to stay near to where people say nothing.
    """
    first = _as_values(start)
    values = first.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([values], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = mean_log_error(batches, target, values) + _PULL * (values - first).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    best = values.detach()
    if not bool(best.isfinite().all()):
        best = first
    with torch.no_grad():
        error = math.exp(float(mean_log_error(batches, target, best)))
    return _as_spreads(best, start.noise, error)


def mean_log_error(batches: Sequence[EpisodeBatch], target: int, values: Tensor) -> Tensor:
    """Return the mean over numbers of labels of the mean logarithm of the RMSE after adapting."""
    return torch.stack([_log_errors(batch, target, values).mean() for batch in batches]).mean()


def _as_values(spreads: Spreads) -> Tensor:
    """Return logarithms of spreads in units of the noise, then level and gain."""
    each = (spreads.level_spread, spreads.gain_spread, spreads.weight_spread, spreads.shared_noise)
    logs = [math.log(value / spreads.noise) for value in each]
    return torch.tensor([*logs, math.log(spreads.noise_length), spreads.level, spreads.gain], dtype=torch.float64)


def _as_spreads(values: Tensor, noise: float, error: float) -> Spreads:
    level, gain, weight, shared = values[:4].clamp(-_WIDEST, _WIDEST).exp().tolist()
    length, (mean_level, mean_gain) = float(values[4].exp()), values[5:].tolist()
    # The noise is scaled such that noise and what is shared are the error that adaptation leaves.
    noise = error / math.sqrt(1 + shared**2)
    return Spreads(
        level=mean_level,
        gain=mean_gain,
        level_spread=noise * level,
        gain_spread=noise * gain,
        weight_spread=noise * weight,
        noise=noise,
        shared_noise=noise * shared,
        noise_length=length,
        error=error,
    )


def _log_errors(batch: EpisodeBatch, target: int, values: Tensor) -> Tensor:
    level, gain, weight, shared = (2 * values[:4].clamp(-_WIDEST, _WIDEST)).exp()
    f, y, labels = batch.labels.f[:, :, target], batch.labels.y[:, :, target], batch.labels
    tested = batch.test_f[:, :, target]
    apart = (labels.time[:, :, None] - labels.time[:, None]).abs()
    covariance = level + gain * f[:, :, None] * f[:, None] + weight * labels.gram
    noise = shared * torch.exp(-apart / values[4].exp()) + torch.eye(f.shape[1], dtype=f.dtype)
    residual = y - values[5] - values[6] * f
    factor = torch.linalg.cholesky_ex(covariance + noise).L  # where the search ends in NaN, so does the error
    alpha = torch.cholesky_solve(residual[:, :, None], factor)
    cross = level + gain * tested[:, :, None] * f[:, None] + weight * batch.test_gram
    estimate = values[5] + values[6] * tested + (cross @ alpha).squeeze(2)
    squares: Tensor = (estimate - batch.test_y[:, :, target]).square().mean(dim=1)
    return squares.sqrt().clamp(min=LEAST_ERROR).log()
