"""One person's labels, in the form in which a posterior needs them, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from pen_mobile.models.prior import FOLDS, Prior
from pen_mobile.types import Doubles

SAME_INSTANT_S = 1e-3
"""Labels closer in time than this are of one instant."""

TINY = 1e-12
"""What divisors are at least."""


@dataclass(frozen=True, eq=False)
class LabelSet:
    """What all targets and candidates share.

    Attributes:
        f: the shipped head's output minus its mean over source people, ``[N, K]``.
        x: decorrelated features, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        root: square roots of the weights, ``[N]``; 0 is no label.
        apart: seconds between labels, ``[N, N]``.
        later: 1 where the row's label is later than the column's, 1/2 at one instant, ``[N, N]``.
    """

    f: Doubles
    x: Doubles
    y: Doubles
    root: Doubles
    apart: Doubles
    later: Doubles

    @property
    def count(self) -> int:
        """Number of labels without padding."""
        return int((self.root > 0).sum())

    @property
    def share(self) -> Doubles:
        """Weights that sum to 1, ``[N]``."""
        return self.root**2 / max(float((self.root**2).sum()), TINY)

    @property
    def centred(self) -> Doubles:
        """Labels minus their mean, ``[N, K]``."""
        return self.y - self.share @ self.y

    @property
    def variances(self) -> Doubles:
        """Variance of the labels of each target, ``[K]``."""
        return self.share @ np.square(self.centred)


def label_set(
    prior: Prior, head_parameters: Doubles, z: Doubles, y: Doubles, weight: Doubles, time: Doubles
) -> LabelSet:
    """Return labels of which those with broken features have the weight 0.

    Args:
        prior: which standardises features, and says which are broken.
        head_parameters: the shipped head, ``[n_s (1 + K), D_z + 1]``.
        z: features, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        weight: of each label, ``[N]``.
        time: seconds, ``[N]``.
    """
    s = (z - prior.feature_mean) * prior.feature_scale
    whole = (np.square(s).sum(axis=1) <= prior.feature_limit) & (weight > 0)
    z = np.where(whole[:, None], z, prior.feature_mean)
    apart = time[:, None] - time[None]
    return LabelSet(
        f=head_output(head_parameters, z, prior.targets) - prior.output_mean,
        x=standardise(prior, z),
        y=y.astype(np.float64),
        root=np.sqrt(weight * whole),
        apart=np.abs(apart),
        later=np.clip(apart / (2 * SAME_INSTANT_S) + 0.5, 0.0, 1.0),
    )


def head_output(head_parameters: Doubles, z: Doubles, targets: int) -> Doubles:
    """Return a head's output (Eq. 1), ``[N, K]``.

    Args:
        head_parameters: ``[n_s (1 + K), D_z + 1]``.
        z: features, ``[N, D_z]``.
        targets: K.
    """
    expert_count = len(head_parameters) // (1 + targets)
    products = z @ head_parameters[:, :-1].T + head_parameters[:, -1]
    gate = np.exp(products[:, :expert_count] - products[:, :expert_count].max(axis=1, keepdims=True))
    gate = gate / gate.sum(axis=1, keepdims=True)
    return cast(Doubles, np.einsum("ni,nik->nk", gate, products[:, expert_count:].reshape(len(z), -1, targets)))


def standardise(prior: Prior, z: Doubles) -> Doubles:
    """Return x, the standardised and decorrelated features ``[N, D_z]``."""
    s = (z - prior.feature_mean) * prior.feature_scale
    return cast(Doubles, s - s @ prior.directions.T @ prior.directions)


def stretches(later: Doubles, votes: Doubles) -> Doubles:
    """Return to which fifth of the votes, in order of time, each label belongs, ``[N, FOLDS]``, 0 or 1.

    Labels of one instant always fall into the same stretch.

    Args:
        later: of a :class:`LabelSet`, ``[N, N]``.
        votes: of each label, ``[N]``.
    """
    total = votes.sum()
    place = later @ votes / max(total, TINY)
    number = np.clip(np.floor(FOLDS * place), 0, FOLDS - 1)
    return cast(Doubles, (number[:, None] == np.arange(FOLDS)) * (votes > 0)[:, None].astype(np.float64))
