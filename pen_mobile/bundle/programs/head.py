"""What the head's methods share, and the predict method (Eq. 1), so written that every product runs in the delegate.

XNNPACK delegates 3-D ``bmm`` and ``linear`` with constant weights but not ``mm``, ``sum`` over inner axes or ``sign``;
so sums and repetitions over experts are products with constant 0/1 matrices, and ``sign`` is a steep clamp. Then a
method is one delegate call. State tensors are 3-D with a leading 1 because an ``unsqueeze`` at the border would copy
them. Of two factors the right one is packed at every call, so the smaller one stands there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class HeadSize:
    """The numbers that decide every shape of a head.

    Attributes:
        features: D_z, numbers in a feature.
        experts: n_s, experts.
        targets: K, targets of the model.
    """

    features: int
    experts: int
    targets: int = 2

    @property
    def parameters_shape(self) -> tuple[int, int, int]:
        """Shape of the head parameters, ``[1, n_s (1 + K), D_z + 1]``."""
        return 1, self.experts * (1 + self.targets), self.features + 1


class HeadProgram(nn.Module):
    """A method of the head. A lowered program carries every constant of its module, used or not: each has its own."""

    def __init__(self, size: HeadSize, batch: int, padding: int = 0) -> None:
        """Make the constants.

        Args:
            size: of the head.
            batch: B, rows of z.
            padding: columns of zeros behind the bias column.
        """
        super().__init__()
        self.size, self.batch, self.padding = size, batch, padding
        self.register_buffer("bias", functional.pad(torch.ones(1, batch, 1), (0, padding)))

    bias: Tensor

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        raise NotImplementedError

    def gate_and_experts(self, head_parameters: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply every row of the head with every feature.

        Args:
            head_parameters: ``[1, n_s (1 + K), D_z + 1 + padding]``.
            z: features with bias ``[1, B, D_z + 1 + padding]``.

        Returns:
            h ``[1, B, n_s]`` and e ``[1, B, n_s K]``.
        """
        if self.batch > head_parameters.shape[1]:
            products = torch.bmm(z, head_parameters.transpose(1, 2))
        else:
            products = torch.bmm(head_parameters, z.transpose(1, 2)).transpose(1, 2)
        return products[:, :, : self.size.experts], products[:, :, self.size.experts :]

    def with_bias(self, z: Tensor) -> Tensor:
        """Append the 1 that the bias column multiplies.

        Args:
            z: features ``[1, B, D_z]``.

        Returns:
            ``[1, B, D_z + 1 + padding]``.
        """
        return torch.cat([z, self.bias], dim=2)


class MixtureProgram(HeadProgram):
    """A method that mixes the experts of many moments: Eq. (1) by products with constant 0/1 matrices."""

    def __init__(self, size: HeadSize, batch: int, padding: int = 0) -> None:
        super().__init__(size, batch, padding)
        expert_of_row = torch.eye(size.experts).repeat_interleave(size.targets, dim=0)
        target_of_row = torch.eye(size.targets).repeat(size.experts, 1)
        self.register_buffer("repeat_gate", expert_of_row)  # [n_s] -> [K n_s]
        self.register_buffer("sum_experts", target_of_row.T.contiguous())  # [K n_s] -> [K]

    repeat_gate: Tensor
    sum_experts: Tensor

    def evaluate(self, head_parameters: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Evaluate Eq. (1).

        Args:
            head_parameters: ``[1, n_s (1 + K), D_z + 1 + padding]``.
            z: features with bias ``[1, B, D_z + 1 + padding]``.

        Returns:
            h, e, c, c repeated for every target, and y~, each ``[1, B, ...]``.
        """
        logits, experts = self.gate_and_experts(head_parameters, z)
        gate = torch.softmax(logits, dim=2)
        repeated = functional.linear(gate, self.repeat_gate)
        targets = functional.linear(repeated * experts, self.sum_experts)
        return logits, experts, gate, repeated, targets


class PredictProgram(MixtureProgram):
    """``(head_parameters [1, n_s (1 + K), D_z + 1], z [1, B, D_z]) -> (targets [1, B, K], gate [1, B, n_s])``."""

    def example_inputs(self) -> tuple[Tensor, ...]:
        return torch.zeros(self.size.parameters_shape), torch.zeros(1, self.batch, self.size.features)

    def forward(self, head_parameters: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        _, _, gate, _, targets = self.evaluate(head_parameters, self.with_bias(z))
        return targets, gate
