"""How a person's labels compare with honest ones, whatever adapting does with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pen_mobile.models.label_set import TINY, LabelSet
from pen_mobile.models.prior import DISORDER_VARIANCE, OWN_MEAN, ROUGHNESS_STRENGTH, Prior
from pen_mobile.types import Doubles


@dataclass(frozen=True, eq=False)
class LabelChecks:
    """The checks of one target; lengths are squared Mahalanobis lengths under the candidate *own mean*.

    Attributes:
        prior: whose limits count.
        labels: of one person.
        k: number of the target.
        inverse: S of *own mean*, ``[N, N]`` (see :mod:`pen_mobile.models.posterior`).
    """

    prior: Prior
    labels: LabelSet
    k: int
    inverse: Doubles

    @property
    def gain_alone(self) -> float:
        """How far the gain that labels alone suggest is from honest people's, in deviations."""
        prior, k = self.prior, self.k
        f = self.labels.root * self.labels.f[:, k]
        precision = max(self._length(f), TINY)
        apart = float(f @ self.inverse @ self._residual) / precision - prior.check_gain[k]
        return float(apart / np.sqrt(prior.check_variance[k] + prior.check_inflation[k] / precision))

    @property
    def roughness(self) -> float:
        """Length of the labels in relation to their variance."""
        prior, count, k = self.prior, self.labels.count, self.k
        expected = prior.noise_variance[OWN_MEAN, k] + prior.shared_noise_variance[OWN_MEAN, k]
        variance = count * self.labels.variances[k] + ROUGHNESS_STRENGTH * expected
        return float(self._length(self._residual) / max(count, 1) * expected * (count + ROUGHNESS_STRENGTH) / variance)

    @property
    def disorder(self) -> float:
        """Length of the labels' differences from their mean, in relation to its mean over all orders of the labels.

        Over the orders of N labels of variance v, the mean of ``c^T S c`` is ``v (N tr S - 1^T S 1) / (N - 1)``.
        """
        root, count = self.labels.root, self.labels.count
        spread = count * float(root**2 @ np.diag(self.inverse)) - self._length(root)
        variance = float(self.labels.variances[self.k]) + DISORDER_VARIANCE
        length = self._length(root * self.labels.centred[:, self.k])
        return max(count - 1, 0) * length / max(variance * spread, TINY)

    @property
    def _residual(self) -> Doubles:
        found: Doubles = self.labels.root * (self.labels.y[:, self.k] - self.prior.level_mean[OWN_MEAN, self.k])
        return found

    def _length(self, values: Doubles) -> float:
        return float(values @ self.inverse @ values)
