"""How a person's labels compare with honest ones, whatever adapting does with them.

Everything here is of one target, given S of the candidate *own mean* (see :mod:`pen_mobile.models.posterior`).
"""

from __future__ import annotations

import numpy as np

from pen_mobile.models.label_set import TINY, LabelSet
from pen_mobile.models.prior import DISORDER_VARIANCE, OWN_MEAN, ROUGHNESS_STRENGTH, Prior
from pen_mobile.types import Doubles


def gain_alone(prior: Prior, labels: LabelSet, k: int, inverse: Doubles) -> float:
    """Return how far the gain that labels alone suggest is from honest people's, in deviations.

    Args:
        prior: whose limits count.
        labels: of one person.
        k: number of the target.
        inverse: S, ``[N, N]``.
    """
    f = labels.root * labels.f[:, k]
    precision = max(float(f @ inverse @ f), TINY)
    apart = float(f @ inverse @ _residual(prior, labels, k)) / precision - prior.check_gain[k]
    return float(apart / np.sqrt(prior.check_variance[k] + prior.check_inflation[k] / precision))


def roughness(prior: Prior, labels: LabelSet, k: int, inverse: Doubles) -> float:
    """Return the squared length of the labels in relation to their variance.

    Args:
        prior: whose limits count.
        labels: of one person.
        k: number of the target.
        inverse: S, ``[N, N]``.
    """
    count, residual = labels.count, _residual(prior, labels, k)
    expected = prior.noise_variance[OWN_MEAN, k] + prior.shared_noise_variance[OWN_MEAN, k]
    variance = count * labels.variances[k] + ROUGHNESS_STRENGTH * expected
    length = float(residual @ inverse @ residual)
    return float(length / max(count, 1) * expected * (count + ROUGHNESS_STRENGTH) / variance)


def disorder(labels: LabelSet, k: int, inverse: Doubles) -> float:
    """Return the squared length of the labels' differences from their mean, in relation to its mean over all orders.

    Over the orders of N labels of variance v, the mean of ``c^T S c`` is ``v (N tr S - 1^T S 1) / (N - 1)``.

    Args:
        labels: of one person.
        k: number of the target.
        inverse: S, ``[N, N]``.
    """
    root, centred = labels.root, labels.root * labels.centred[:, k]
    spread = labels.count * float(root**2 @ np.diag(inverse)) - float(root @ inverse @ root)
    variance = float(labels.variances[k]) + DISORDER_VARIANCE
    return max(labels.count - 1, 0) * float(centred @ inverse @ centred) / max(variance * spread, TINY)


def _residual(prior: Prior, labels: LabelSet, k: int) -> Doubles:
    found: Doubles = labels.root * (labels.y[:, k] - prior.level_mean[OWN_MEAN, k])
    return found
