"""How far few labels are trusted: the most caution whose cost for source people cannot be told from chance.

A person's labels may all come from one moment, or be wrong. Giving a share of the weight back to *not adapted* makes
both cost less, and honest labels gain less. Of several amounts of caution the largest is taken whose error on source
people is within one standard error of the least (the rule of Breiman et al., *Classification and Regression Trees*,
1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pen_mobile.models.prior import Prior
from pen_mobile.training.batched_posterior import candidate_posteriors, cautious
from pen_mobile.training.prior.episodes import EpisodeBatch, estimates_of
from pen_mobile.training.prior.spreads import LEAST_ERROR
from pen_mobile.types import Doubles

AMOUNTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)
"""Amounts that are compared, in labels."""

DEFAULT = 1.0
"""Amount where source people cannot tell: they are few, or the backbone was trained on them."""


def with_stated_caution(prior: Prior) -> Prior:
    """Return the prior with the caution :data:`DEFAULT`.

    Adapting gains little for people whom the backbone was trained on, so that caution seems to cost nothing.

    Args:
        prior: with weights of its candidates.
    """
    return replace(prior, caution=np.full(prior.targets, DEFAULT))


def with_learned_caution(prior: Prior, batches: Sequence[EpisodeBatch]) -> Prior:
    """Return the prior with the caution of each target.

    Args:
        prior: with learned weights of its candidates.
        batches: simulated adaptations of source people.
    """
    people = np.concatenate([batch.person for batch in batches])
    errors = np.stack([_log_errors(replace(prior, caution=np.full(prior.targets, one)), batches) for one in AMOUNTS])
    each = np.stack([errors[:, people == number].mean(axis=1) for number in np.unique(people)])  # [P, amounts, K]
    return replace(prior, caution=np.array([_most_within_one_error(each[:, :, k]) for k in range(prior.targets)]))


def _most_within_one_error(errors: Doubles) -> float:
    """Return the largest amount for mean errors of people ``[P, amounts]``."""
    worse = errors - errors[:, [int(errors.mean(axis=0).argmin())]]
    allowed = worse.mean(axis=0) <= worse.std(axis=0, ddof=1) / np.sqrt(len(worse))
    return AMOUNTS[int(np.flatnonzero(allowed).max())]


def _log_errors(prior: Prior, batches: Sequence[EpisodeBatch]) -> Doubles:
    """Return the logarithm of the RMSE after each simulated adaptation, ``[B, K]``."""
    return np.concatenate([_of_batch(prior, batch) for batch in batches])


def _of_batch(prior: Prior, batch: EpisodeBatch) -> Doubles:
    each = candidate_posteriors(prior, batch.labels)
    trusted = torch.softmax(torch.from_numpy(prior.log_weight) + each.log_density, dim=1)
    probability = cautious(prior, trusted, each.votes)
    columns = []
    for k in range(prior.targets):
        averaged = (probability[:, :, k, None] * estimates_of(batch, each, k)).sum(dim=1)
        errors = (averaged - batch.test_y[:, :, k]).square().mean(dim=1).sqrt()
        columns.append(errors.clamp(min=LEAST_ERROR).log())
    found: Doubles = torch.stack(columns, dim=1).numpy()
    return found
