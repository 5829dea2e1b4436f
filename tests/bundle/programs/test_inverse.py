"""Inverses by products: exact to rounding for every condition that they were made for."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from pen_mobile.bundle.programs.inverse import Inverse


def positive(size: int, condition: float, seed: int = 0) -> Tensor:
    """Return three symmetric matrices with eigenvalues from 1 to ``condition``, both included."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(3, size, size, generator=generator, dtype=torch.float64))
    eigenvalues = condition ** torch.rand(3, 1, size, generator=generator, dtype=torch.float64)
    eigenvalues[..., 0], eigenvalues[..., 1] = 1, condition
    return (basis * eigenvalues) @ basis.transpose(1, 2)


@pytest.mark.parametrize("size", [2, 7, 64, 128])
@pytest.mark.parametrize("condition", [2.0, 100.0, 2.0**20])
def test_it_is_the_inverse(size: int, condition: float) -> None:
    matrix = positive(size, condition)
    program = Inverse(size, condition).double()
    identity = program.identity()
    torch.testing.assert_close(identity[0], torch.eye(size, dtype=torch.float64), rtol=0, atol=0)
    unit = torch.full((3, 1, 1), 1 / condition, dtype=torch.float64)
    found = program(matrix, unit, program.multiples(identity))
    rounding = 1e-16 * condition**2
    torch.testing.assert_close(found @ matrix, identity.expand(3, -1, -1), rtol=0, atol=1e-6 + rounding)


def test_steps_grow_with_the_logarithm_of_the_condition_to_the_base_of_four() -> None:
    steps = [len(Inverse(4, 4.0**power).factors) for power in (2, 4, 6, 8, 10)]
    assert [later - earlier for earlier, later in itertools.pairwise(steps)] == [2, 2, 2, 2]
