r"""Adaptation in closed form as an ordinary exported method: one call, no learning rate, no epochs.

The strategy is offset and ridge (:mod:`pen_mobile.training.strategies.offset_ridge`) for one looseness t: the gate
stays, the experts move toward the labels, and everybody's own offset is free. How far they may move is the host's to
choose, by holding out labels of its own; t = 0 moves the offset alone.

It solves ``(I + t K) alpha = r``; phones have no kernels for that, so the inverse comes from products alone, by Newton
and Schulz: ``X <- X (2 I - A X)`` doubles the correct digits with every round
(https://doi.org/10.1002/zamm.19330130111).

    s_j = sqrt(w_j), K_jk = s_j s_k (c_j . c_k) (z~_j . z~_k), scaled to a mean diagonal of 1;  S = (I + t K)^-1
    offset b = s^T S s r / s^T S s;  alpha = t S (s r - s b);  W_i += sum_j s_j c_i(z_j) alpha_j z~_j^T, bias += b

A sample of weight 0 has a row of zeros in K and changes nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pen_mobile.bundle.programs.head import HeadProgram, HeadSize

LOOSENESS = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0)
"""Values of t = 1 / lambda worth trying, in units of the kernel's mean diagonal; the largest is the most allowed."""

_TINY = 1e-12
_LAST_ROUNDS = 4


class RidgeProgram(HeadProgram):
    """``(head_parameters, z [1,N,D_z], y [1,N,K], weight [1,N], looseness [1]) -> head_parameters'``.

    At least one weight must be above 0, and the looseness between 0 and the last of :data:`LOOSENESS`.
    """

    def __init__(self, size: HeadSize, labels: int) -> None:
        super().__init__(size, labels)
        self.labels = labels
        # A's norm is at most 1 + t N: so many doublings until 1 - 1 / norm, to that power, is small.
        self.rounds = math.ceil(math.log2(1 + LOOSENESS[-1] * labels)) + _LAST_ROUNDS
        self.register_buffer("number", torch.arange(labels, dtype=torch.float32).reshape(1, labels, 1))
        self.register_buffer("total_labels", torch.ones(1, labels))

    number: Tensor
    total_labels: Tensor

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        n = self.labels
        return (
            torch.zeros(self.size.parameters_shape),
            torch.zeros(1, n, self.size.features),
            torch.zeros(1, n, self.size.targets),
            torch.ones(1, n),
            torch.ones(1),
        )

    def forward(self, parameters: Tensor, z: Tensor, y: Tensor, weight: Tensor, looseness: Tensor) -> Tensor:
        inputs = self.with_bias(z)
        _, _, gate, repeated, affect = self.evaluate(parameters, inputs)
        weight = weight.reshape(1, self.labels, 1)
        scale = torch.sqrt(weight)
        identity = self._identity()
        kernel, slope = self._kernel(gate * scale, inputs, identity, weight, looseness)
        alpha, offset = self._solve(kernel * slope + identity, identity, (y - affect) * scale, scale)
        by_expert = repeated * functional.linear(alpha * scale * slope, self.repeat_targets)
        change = torch.bmm(by_expert.transpose(1, 2), inputs)
        bias = functional.linear(offset, self.repeat_targets).transpose(1, 2)
        gates, experts = parameters[:, : self.size.experts], parameters[:, self.size.experts :] + change
        biased = torch.cat([experts[:, :, :-1], experts[:, :, -1:] + bias], dim=2)
        return torch.cat([gates, biased], dim=1)

    def _identity(self) -> Tensor:
        """Return I ``[1, N, N]``; written out it would be most of the program file."""
        apart = self.number - self.number.reshape(1, 1, self.labels)
        return torch.clamp(apart * apart * -1.0 + 1.0, 0.0, 1.0)

    def _kernel(
        self, gate: Tensor, inputs: Tensor, identity: Tensor, weight: Tensor, looseness: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return K ``[1, N, N]``, and t in units of the mean of its diagonal ``[1, 1, 1]``."""
        kernel = torch.bmm(gate, gate.transpose(1, 2)) * torch.bmm(inputs, inputs.transpose(1, 2))
        diagonal = self._over_labels(functional.linear(kernel * identity, self.total_labels))
        count = self._over_labels(weight)
        return kernel, looseness.reshape(1, 1, 1) * count / torch.clamp(diagonal, min=_TINY)

    def _solve(self, matrix: Tensor, identity: Tensor, residual: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``S (s r - s b)`` ``[1, N, 2]`` and b ``[1, 1, 2]``, S the inverse of ``matrix``."""
        both = torch.bmm(self._inverse(matrix, identity), torch.cat([residual, scale], dim=2))
        solved, ones = both[:, :, :-1], both[:, :, -1:]
        offset = self._over_labels(solved * scale) / torch.clamp(self._over_labels(ones * scale), min=_TINY)
        return solved - ones * offset, offset

    def _inverse(self, matrix: Tensor, identity: Tensor) -> Tensor:
        """Invert a symmetric matrix ``[1, N, N]`` whose eigenvalues are at least 1, by products."""
        largest = torch.sqrt(self._over_labels(functional.linear(matrix * matrix, self.total_labels)))
        inverse = identity / largest
        for _ in range(self.rounds):
            inverse = torch.bmm(inverse, identity * 2.0 - torch.bmm(matrix, inverse))
        return inverse

    def _over_labels(self, values: Tensor) -> Tensor:
        """Sum ``[1, N, K]`` over the labels: ``[1, 1, K]``."""
        return functional.linear(values.transpose(1, 2), self.total_labels).transpose(1, 2)
