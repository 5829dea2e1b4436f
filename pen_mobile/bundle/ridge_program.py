r"""Adaptation in closed form as an ordinary exported method: one call, no learning rate, no epochs.

The strategy is offset and ridge (:mod:`pen_mobile.learning.strategies.offset_ridge`): the gate stays, the experts
move toward the labels no further than leaving labels out supports, and everybody's own offset is free. It
solves ``(I + t K) alpha = r`` for several t; phones have no kernels for that, so the inverse comes from
products alone, by Newton and Schulz: ``X <- X (2 I - A X)`` doubles the correct digits with every round
(https://doi.org/10.1002/zamm.19330130111). All t are one batch.

    s_j = sqrt(w_j), K_jk = s_j s_k (c_j . c_k) (z~_j . z~_k), scaled to a mean diagonal of 1
    S = (I + t K)^-1;  left-out residual j = (S' s r)_j / S'_jj with S' = S - S s s^T S / (s^T S s)

A sample of weight 0 has a row of zeros in K and changes nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pen_mobile.bundle.head_program import _HeadProgram

LOOSENESS = (0.0, 1e-2, 1e-1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Candidates for t = 1 / lambda, in units of the kernel's mean diagonal; 0 is the offset alone."""

_STEEP = 1e30
_TINY = 1e-12
_EQUAL = 1 + 1e-6
_LAST_ROUNDS = 4


class RidgeProgram(_HeadProgram):
    """``(parameters [1,3n_s,D_z+1], z [1,N,D_z], y [1,N,2], weight [1,N]) -> (parameters', errors [T+1])``.

    ``errors`` are mean squared errors, summed over both dimensions, of labels left out one at a time: of
    the head as it is, then for every t of :data:`LOOSENESS`. The t with the smallest is taken; where none is
    below the first, the parameters come back unchanged. At least two weights must be above 0.
    """

    def __init__(self, feature_size: int, expert_count: int, labels: int) -> None:
        super().__init__(expert_count, labels)
        self.feature_size, self.labels = feature_size, labels
        # A's norm is at most 1 + t N: so many doublings until 1 - 1 / norm, to that power, is small.
        self.rounds = math.ceil(math.log2(1 + max(LOOSENESS) * labels)) + _LAST_ROUNDS
        self.register_buffer("identity", torch.eye(labels)[None])
        self.register_buffer("looseness", torch.tensor(LOOSENESS).reshape(-1, 1, 1))
        self.register_buffer("total_labels", torch.ones(1, labels))
        self.register_buffer("total_affect", torch.ones(1, 2))
        self.register_buffer("total_choice", torch.ones(1, len(LOOSENESS)))
        self.register_buffer("bias_column", functional.one_hot(torch.tensor([[feature_size]])).float())
        self.register_buffer("no_gate_change", torch.zeros(1, expert_count, feature_size + 1))

    identity: Tensor
    looseness: Tensor
    total_labels: Tensor
    total_affect: Tensor
    total_choice: Tensor
    bias_column: Tensor
    no_gate_change: Tensor

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        packed = torch.zeros(1, 3 * self.expert_count, self.feature_size + 1)
        n = self.labels
        return packed, torch.zeros(1, n, self.feature_size), torch.zeros(1, n, 2), torch.ones(1, n)

    def forward(self, parameters: Tensor, z: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        inputs = self.with_bias(z)
        _, _, gate, repeated, affect = self.evaluate(parameters, inputs)
        weight = weight.reshape(1, self.labels, 1)
        scale, count = torch.sqrt(weight), torch.clamp(self._over_labels(weight), min=_TINY)
        residual = (y - affect) * scale
        kernel, slope = self._kernel(gate * scale, inputs, count)
        solved, offset, errors = self._leave_one_out(kernel * slope + self.identity, residual, scale)
        unchanged = self._over_labels(functional.linear(residual * residual, self.total_affect))
        choice = self._choice(errors, unchanged)
        alpha = functional.linear(self._pick(choice, solved * slope) * scale, self.repeat_affect)
        change = torch.bmm((repeated * alpha).transpose(1, 2), inputs)
        bias = functional.linear(self._pick(choice, offset), self.repeat_affect).transpose(1, 2)
        packed = parameters + torch.cat([self.no_gate_change, change + bias * self.bias_column], dim=1)
        return packed, torch.cat([unchanged, errors], dim=0).reshape(-1) / count.reshape(-1)

    def _kernel(self, gate: Tensor, inputs: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return K ``[1, N, N]`` and every t in units of its mean diagonal ``[T, 1, 1]``."""
        kernel = torch.bmm(gate, gate.transpose(1, 2)) * torch.bmm(inputs, inputs.transpose(1, 2))
        diagonal = self._over_labels(functional.linear(kernel * self.identity, self.total_labels))
        return kernel, self.looseness * count / torch.clamp(diagonal, min=_TINY)

    def _leave_one_out(self, matrix: Tensor, residual: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return S' r ``[T, N, 2]``, the offsets ``[T, 1, 2]`` and the squared left-out residuals ``[T, 1, 1]``."""
        inverse = self._inverse(matrix)
        both = torch.bmm(inverse.reshape(1, -1, self.labels), torch.cat([residual, scale], dim=2)).reshape(
            len(LOOSENESS), self.labels, 3
        )
        solved, ones = both[:, :, :2], both[:, :, 2:]
        total = torch.clamp(self._over_labels(ones * scale), min=_TINY)
        offset = self._over_labels(solved * scale) / total
        solved = solved - ones * offset
        diagonal = functional.linear(inverse * self.identity, self.total_labels) - ones * ones / total
        left_out = solved / torch.clamp(diagonal, min=_TINY)
        return solved, offset, self._over_labels(functional.linear(left_out * left_out, self.total_affect))

    def _inverse(self, matrix: Tensor) -> Tensor:
        """Invert symmetric matrices ``[T, N, N]`` whose eigenvalues are at least 1, by products."""
        largest = torch.sqrt(self._over_labels(functional.linear(matrix * matrix, self.total_labels)))
        inverse = self.identity / largest
        for _ in range(self.rounds):
            inverse = torch.bmm(inverse, self.identity * 2.0 - torch.bmm(matrix, inverse))
        return inverse

    def _choice(self, errors: Tensor, unchanged: Tensor) -> Tensor:
        """Return shares of the candidates ``[T, 1, 1]``: 1 for the best; all 0 when none beats the head as it is."""
        best = torch.amin(errors, dim=0, keepdim=True)
        equal = torch.clamp((best * _EQUAL + _TINY - errors) * _STEEP, 0.0, 1.0)
        better = torch.clamp((unchanged - best) * _STEEP, 0.0, 1.0)
        shares = functional.linear(equal.reshape(1, 1, -1), self.total_choice)
        return equal * better / torch.clamp(shares, min=1.0)

    def _pick(self, choice: Tensor, values: Tensor) -> Tensor:
        """Return the chosen of values ``[T, N, 2]`` as ``[1, N, 2]``."""
        count, rows, columns = values.shape
        flat = torch.bmm(choice.reshape(1, 1, count), values.reshape(1, count, rows * columns))
        return flat.reshape(1, rows, columns)

    def _over_labels(self, values: Tensor) -> Tensor:
        """Sum ``[T, N, K]`` over the labels: ``[T, 1, K]``."""
        return functional.linear(values.transpose(1, 2), self.total_labels).transpose(1, 2)
