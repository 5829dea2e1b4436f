"""Inverses of symmetric positive matrices by products alone: phones have no kernels for anything else.

Newton and Schulz: ``X <- X (2 I - A X)`` (https://doi.org/10.1002/zamm.19330130111). Where the eigenvalues of A X lie
between l and h, a factor ``2 / (l + h)`` on X brings them around 1 before a step; then the smallest grow fourfold with
it instead of twofold. The factors depend on the condition alone, and stand in the multiples of I. They leave room at
the upper end: an eigenvalue that rounding puts above 2 would turn negative, and grow without bound from then on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_EXACT = 1e-7
_ROOM = 2.0**-8


class Inverse(nn.Module):
    """Inverts batches of symmetric matrices ``[B, n, n]``."""

    def __init__(self, size: int, condition: float) -> None:
        """Choose the steps.

        Args:
            size: n.
            condition: largest ratio of the bound on a matrix's eigenvalues to its smallest eigenvalue; beyond it the
                inverse is less exact.
        """
        super().__init__()
        self.first, self.factors = _schedule(condition)
        self.register_buffer("one", torch.ones(1, 1, 1))
        self.register_buffer("number", torch.arange(size, dtype=torch.float32).reshape(1, size, 1))

    one: Tensor
    number: Tensor

    def identity(self) -> Tensor:
        """Return I ``[1, n, n]``; written out it would be most of the program file."""
        apart = self.number - self.number.reshape(1, 1, -1)
        return torch.clamp(self.one - apart * apart, 0.0, 1.0)

    def multiples(self, identity: Tensor) -> list[Tensor]:
        """Return the multiples of I that the steps need.

        Args:
            identity: :meth:`identity`.
        """
        return [identity * factor for factor in self.factors]

    def forward(self, matrix: Tensor, unit: Tensor, multiples: list[Tensor]) -> Tensor:
        """Invert.

        Args:
            matrix: ``[B, n, n]`` with eigenvalues in ``[1 / (unit condition), 1 / unit]``.
            unit: ``[B, 1, 1]`` or ``[1, 1, 1]``.
            multiples: :meth:`multiples`.
        """
        scale = unit * self.first
        found = (multiples[0] - matrix * scale) * scale  # the first step, from a multiple of I
        for multiple in multiples[1:]:
            found = torch.bmm(found, multiple - torch.bmm(matrix, found))
        return found


def _schedule(condition: float) -> tuple[float, list[float]]:
    """Return the first X as a multiple of I and, for each step, the factor of I in ``X' = X (factor I - A X)``.

    A step with a factor c behind it is ``c X (2 I - A X)``. With ``X = X^ / s`` it is ``X^' = X^ (2 s I - A X^)`` and
    ``s' = s^2 / c``; s is chosen from behind so that the last one is 1.
    """
    first, *others = _factors(1.0 / condition)
    scale, steps = 1.0, []
    for factor in reversed([*others, 1.0]):
        scale = math.sqrt(factor * scale)
        steps.append(2 * scale)
    return first * scale, steps[::-1]


def _factors(lowest: float) -> list[float]:
    """Return the factor before each step, for eigenvalues from ``lowest`` to 1 at the start."""
    factors, distance = [], 1.0
    while distance > _EXACT:
        factor = 2 / (lowest + 1 + _ROOM * (1 - lowest))
        factors.append(factor)
        distance = (1 - lowest * factor) ** 2
        lowest = 1 - distance
    return factors
