"""Ridge in dual form: the bordered system, the grid, and the choice."""

from __future__ import annotations

import pytest
import torch

from pen_mobile.training.strategies.dual import first_of_the_best, inverse_regularization_grid, solve


def ridge_system(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A kernel of features of rank 20, its diagonal raised by 1 % of its mean, and two right-hand sides."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(count, 20, generator=generator, dtype=torch.float64)
    kernel = z @ z.T + 1
    system = kernel + 0.01 * kernel.diagonal().mean() * torch.eye(count)
    return system, torch.randn(count, 2, generator=generator, dtype=torch.float64)


def test_solution_satisfies_the_bordered_system() -> None:
    """(K + lambda I) alpha + b = r and the alphas sum to 0, lambda = 1 / t = 4."""
    kernel, residual = ridge_system(12)
    alpha, intercept = solve(kernel, residual, 0.25, intercept=True)
    torch.testing.assert_close(kernel @ alpha + 4 * alpha + intercept, residual)
    torch.testing.assert_close(alpha.sum(dim=0), torch.zeros(2, dtype=torch.float64))


def test_grid_starts_with_nothing_and_is_in_units_of_the_kernel() -> None:
    """Mean diagonal 2: lambda from 2000 down to 0.0002 is t from 0.0005 up to 5000."""
    grid = inverse_regularization_grid(torch.tensor([[1.0, 0.5], [0.5, 3.0]]))
    assert (grid[0], grid[1], grid[-1]) == pytest.approx((0.0, 0.0005, 5000.0))


def test_equal_but_for_rounding_is_equal() -> None:
    assert first_of_the_best(torch.tensor([2.0, 1.0, 1.0 - 1e-12], dtype=torch.float64)) == 1
    assert first_of_the_best(torch.tensor([torch.nan, 3.0])) == 1
    assert first_of_the_best(torch.tensor([torch.nan, torch.inf])) == -1
