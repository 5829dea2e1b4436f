"""How probable each candidate of a prior is: the weights with which averaged heads err least on source people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pen_mobile.models.prior import Prior
from pen_mobile.training.batched_posterior import candidate_posteriors
from pen_mobile.training.prior.candidates import FREEDOM
from pen_mobile.training.prior.episodes import EpisodeBatch, estimates_of
from pen_mobile.training.prior.spreads import LEAST_ERROR
from pen_mobile.types import Doubles

_ITERATIONS = 60
_PULL = 5e-3  # toward the start, per squared nat
_REFERENCES = 2


class _Terms(NamedTuple):
    """Estimates ``[B, C, M]`` of each candidate, labels ``[B, M]``, and log densities ``[B, C]``, of one target."""

    estimates: Tensor
    y: Tensor
    log_density: Tensor


def with_learned_weights(prior: Prior, batches: Sequence[EpisodeBatch], *, seen: bool) -> Prior:
    """Return the prior with learned weights of its candidates.

    A backbone that has seen the source people makes them look more alike than others are. Candidates with less noise
    then keep at least the weight of the one with the learned noise, for source people cannot tell.

    Args:
        prior: with weights to start from.
        batches: simulated adaptations of source people.
        seen: True when the backbone was trained on them.
    """
    columns = [_learned(_terms(prior, batches, k), prior.log_weight[:, k]) for k in range(prior.targets)]
    weights = np.stack(columns, axis=1)
    if seen:
        freer = _REFERENCES + np.flatnonzero([noise < 1 and spread == 1 for noise, spread in FREEDOM])
        weights[freer] = np.maximum(weights[freer], 0)
    return replace(prior, log_weight=weights)


def _terms(prior: Prior, batches: Sequence[EpisodeBatch], target: int) -> list[_Terms]:
    found = []
    for batch in batches:
        each = candidate_posteriors(prior, batch.labels)
        estimates = estimates_of(batch, each, target)
        found.append(_Terms(estimates, batch.test_y[:, :, target], each.log_density[:, :, target]))
    return found


def _learned(terms: Sequence[_Terms], start: Doubles) -> Doubles:
    """Return log weights relative to that of the candidate with the learned spreads, ``[C]``."""
    first = torch.from_numpy(start)
    values = first.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([values], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = _mean_log_error(terms, values) + _PULL * (values - first).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    best = values.detach() if bool(values.isfinite().all()) else first
    relative: Doubles = (best - best[_REFERENCES]).numpy()
    return relative


def _mean_log_error(terms: Sequence[_Terms], log_weight: Tensor) -> Tensor:
    errors = []
    for estimates, y, log_density in terms:
        probability = torch.softmax(log_weight + log_density, dim=1)
        averaged = (probability[:, :, None] * estimates).sum(dim=1)
        errors.append((averaged - y).square().mean(dim=1).sqrt().clamp(min=LEAST_ERROR).log().mean())
    return torch.stack(errors).mean()
