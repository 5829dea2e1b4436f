"""The times of labels, in the method ``adapt``: how far neighbours share a vote, and which stretch each falls into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pen_mobile.models.label_set import SAME_INSTANT_S
from pen_mobile.models.prior import FOLDS, Prior

TINY = 1e-12


class LabelTimes(NamedTuple):
    """What follows from the times of N labels, for each of K targets.

    Attributes:
        alike: correlation of the shared noise, ``[K, 1, N, N]``.
        votes: of each label, ``[K, 1, N]``; 0 for padding.
        total: sum of the votes, ``[K, 1, 1]``.
        stretch: 1 where a label belongs to a stretch that is left out, ``[K, 1, N, FOLDS]``.
        same: 1 where two labels belong to one stretch, ``[K, 1, N, N]``.
    """

    alike: Tensor
    votes: Tensor
    total: Tensor
    stretch: Tensor
    same: Tensor


class LabelTimesProgram(nn.Module):
    """Computes :class:`LabelTimes` as :mod:`pen_mobile.models.posterior` does."""

    def __init__(self, prior: Prior, labels: int) -> None:
        """Make the constants.

        Args:
            prior: whose correlation lengths count.
            labels: N.
        """
        super().__init__()
        self.labels, self.targets = labels, prior.targets
        self.register_buffer("rate", constant(-1 / prior.noise_length, prior.targets, 1, 1))
        self.register_buffer("folds", constant(np.arange(FOLDS), 1, 1, FOLDS))
        self.register_buffer("sum_labels", torch.ones(1, labels))
        self.register_buffer("one", torch.ones(1, 1, 1))

    rate: Tensor
    folds: Tensor
    sum_labels: Tensor
    one: Tensor

    def forward(self, time: Tensor, present: Tensor) -> LabelTimes:
        """Compute.

        Args:
            time: ``[1, N]``, seconds.
            present: ``[1, N, 1]``, 1 for a label and 0 for padding.
        """
        n, k = self.labels, self.targets
        apart = time.reshape(1, n, 1) - time.reshape(1, 1, n)
        alike = torch.exp(torch.abs(apart) * self.rate)
        here = present.reshape(1, 1, n)
        neighbours = functional.linear(alike * here, self.sum_labels).transpose(1, 2)
        votes = here / (neighbours + (self.one - here))
        total = functional.linear(votes, self.sum_labels)
        later = torch.clamp(apart * (0.5 / SAME_INSTANT_S) + 0.5, 0.0, 1.0)
        place = functional.linear(later * votes, self.sum_labels) / torch.clamp(total, min=TINY)
        distance = torch.clamp(torch.floor(place * float(FOLDS)), 0.0, FOLDS - 1.0) - self.folds
        stretch = torch.clamp(self.one - distance * distance, 0.0, 1.0) * present
        same = torch.bmm(stretch, stretch.transpose(1, 2))
        alike, same = alike.reshape(k, 1, n, n), same.reshape(k, 1, n, n)
        return LabelTimes(alike, votes, total, stretch.reshape(k, 1, n, FOLDS), same)


def constant(values: np.typing.ArrayLike, *shape: int) -> Tensor:
    """Return numbers as a float32 tensor of a shape."""
    array = np.ascontiguousarray(np.asarray(values, np.float64).reshape(shape))
    return torch.tensor(array, dtype=torch.float32)
