"""The method ``adapt``: Bayes' rule for a head as products, the same mathematics as :mod:`pen_mobile.models.posterior`.

The decorrelated features x are never written out, only their products; padding has rows of zeros; comparisons are steep
clamps. Everything is one delegate call.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pen_mobile.bundle.programs.adapt_report import AdaptReport, Evidence
from pen_mobile.bundle.programs.candidates import Candidates, Fits, Labels
from pen_mobile.bundle.programs.head import HeadProgram, HeadSize
from pen_mobile.bundle.programs.label_times import LabelTimes, LabelTimesProgram, constant
from pen_mobile.models.prior import LEARNED, OWN_MEAN, Prior

_LARGEST = 1e9  # beyond it a feature is broken, and its square would be infinite
_STEEP = 1e30


class AdaptProgram(HeadProgram):
    """``(head_parameters, z [1,N,D_z], y [1,N,K], weight [1,N], time [1,N]) -> (head_parameters', report [1,R,K])``.

    Any finite numbers may be given. Rows of weight 0 change nothing.
    """

    def __init__(self, size: HeadSize, prior: Prior, labels: int) -> None:
        """Put a prior into a program.

        Args:
            size: of the head.
            prior: learned from source people.
            labels: N, labels of one call.
        """
        super().__init__(size, labels)
        self.labels, self.has_directions = labels, len(prior.directions) > 0
        self.times = LabelTimesProgram(prior, labels)
        self.candidates = Candidates(prior, labels)
        self.report = AdaptReport(prior, labels)
        directions = prior.directions
        products = 2 * np.eye(len(directions)) - directions @ directions.T
        self.register_buffer("feature_limit", constant(prior.feature_limit, 1, 1, 1))
        self.register_buffer("feature_mean", constant(prior.feature_mean, 1, 1, -1))
        self.register_buffer("feature_scale", constant(prior.feature_scale, 1, 1, -1))
        self.register_buffer("directions", constant(directions, 1, len(directions), size.features))
        self.register_buffer("direction_products", constant(products, 1, len(directions), len(directions)))
        self.register_buffer("output_mean", constant(prior.output_mean, size.targets, 1, 1))
        self.register_buffer("unit", torch.eye(size.targets).unsqueeze(0))

    feature_limit: Tensor
    feature_mean: Tensor
    feature_scale: Tensor
    directions: Tensor
    direction_products: Tensor
    output_mean: Tensor
    unit: Tensor

    def example_inputs(self) -> tuple[Tensor, ...]:
        n, size = self.labels, self.size
        z, y = torch.zeros(1, n, size.features), torch.zeros(1, n, size.targets)
        return torch.zeros(size.parameters_shape), z, y, torch.ones(1, n), torch.zeros(1, n)

    def forward(
        self, head_parameters: Tensor, z: Tensor, y: Tensor, weight: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        labels = self._labels(head_parameters, z, y, weight)
        times = self.times(time, labels.present)
        fits = self.candidates(labels, times)
        report, adapted = self.report(self._evidence(labels, times, fits))
        weights = self._decorrelated(torch.bmm(fits.mixed, labels.s)) * self.feature_scale
        return self._moved_head(head_parameters, weights, fits, adapted), report

    def _labels(self, head_parameters: Tensor, z: Tensor, y: Tensor, weight: Tensor) -> Labels:
        n = self.labels
        z = torch.clamp(z, -_LARGEST, _LARGEST)
        s = (z - self.feature_mean) * self.feature_scale
        across = s.transpose(1, 2)
        gram = torch.bmm(s, across)
        identity, weight = self.candidates.inverse.identity(), weight.reshape(1, n, 1)
        square = functional.linear(gram * identity, self.candidates.sum_labels)
        present = torch.clamp(torch.minimum(self.feature_limit - square, weight) * _STEEP, 0.0, 1.0)
        root = torch.sqrt(weight * present)
        if self.has_directions:
            along = torch.bmm(self.directions, across)
            gram = gram - torch.bmm(along.transpose(1, 2), torch.bmm(self.direction_products, along))
        f = self._by_target(self._output(head_parameters, z)) - self.output_mean
        return Labels(s, gram, f, self._by_target(y), present, root, root.reshape(1, 1, n), identity)

    def _output(self, head_parameters: Tensor, z: Tensor) -> Tensor:
        """Return the head's output, ``[1, N, K]``: N small products, for one of 0/1 matrices would be kilobytes."""
        n = self.labels
        logits, experts = self.gate_and_experts(head_parameters, self.with_bias(z))
        gate = torch.softmax(logits, dim=2).reshape(n, 1, -1)
        return torch.bmm(gate, experts.reshape(n, self.size.experts, -1)).reshape(1, n, -1)

    def _by_target(self, values: Tensor) -> Tensor:
        """Return ``[K, 1, N]`` of ``[1, N, K]``: a product, for a permutation would be a copy outside the delegate."""
        return torch.bmm(self.unit, values.transpose(1, 2)).reshape(-1, 1, self.labels)

    def _evidence(self, labels: Labels, times: LabelTimes, fits: Fits) -> Evidence:
        n, k = self.labels, self.size.targets
        one = self.candidates.one
        by_features = torch.bmm(fits.mixed, labels.gram).reshape(k, 1, n)
        moved = (fits.gain - one) * labels.f + (fits.level - self.output_mean) + by_features
        own, both = slice(OWN_MEAN, OWN_MEAN + 1), slice(OWN_MEAN, LEARNED + 1)
        return Evidence(
            changes=torch.cat([fits.left_out[:, :2], torch.bmm(fits.probability, fits.left_out), moved], dim=1),
            votes=times.votes,
            total=times.total,
            present=labels.present,
            identity=labels.identity,
            f=labels.f * labels.root_row,
            own_inverse=fits.scaled_inverse.reshape(k, -1, n, n)[:, own].reshape(k, n, n),
            own_u=fits.scaled_u[:, own],
            lengths=fits.residual[:, both] * fits.scaled_u[:, both],
            y=labels.y,
            root=labels.root_row,
            level=fits.level,
            gain=fits.gain,
            probability=fits.probability,
        )

    def _decorrelated(self, weights: Tensor) -> Tensor:
        """Return weights of s for combinations ``[1, K, D_z]`` of rows of s, decorrelated on both sides."""
        if not self.has_directions:
            return weights
        along = torch.bmm(self.direction_products, torch.bmm(self.directions, weights.transpose(1, 2)))
        return weights - torch.bmm(along.transpose(1, 2), self.directions)

    def _moved_head(self, head_parameters: Tensor, weights: Tensor, fits: Fits, adapted: Tensor) -> Tensor:
        """Return the head parameters; targets with 0 in ``adapted`` ``[1, K, 1]`` keep their rows bit by bit."""
        experts, one = self.size.experts, self.candidates.one
        at_mean = torch.bmm(self.feature_mean, weights.transpose(1, 2)).transpose(1, 2)
        offset = (fits.level - fits.gain * self.output_mean).reshape(1, -1, 1) - at_mean
        change = torch.cat([weights, offset], dim=2) * adapted
        factor = (fits.gain.reshape(1, -1, 1) - one) * adapted + one
        rows = head_parameters[:, experts:].reshape(experts, self.size.targets, -1)
        moved = (rows * factor + change).reshape(1, -1, self.size.features + 1)
        return torch.cat([head_parameters[:, :experts], moved], dim=1)
