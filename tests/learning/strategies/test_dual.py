"""Solving without a factorisation, as a phone would, and small helpers."""

from __future__ import annotations

import pytest
import torch

from pen_mobile.learning.strategies.dual import conjugate_gradient, first_of_the_best, looseness_grid, solve


def ridge_system(count: int, dtype: torch.dtype, strength: float = 0.01) -> tuple[torch.Tensor, torch.Tensor]:
    """``K + lambda I`` for features of rank 20, lambda 1 % of the mean diagonal, and two right-hand sides."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(count, 20, generator=generator, dtype=torch.float64)
    kernel = z @ z.T + 1
    system = kernel + strength * kernel.diagonal().mean() * torch.eye(count)
    return system.to(dtype), torch.randn(count, 2, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_conjugate_gradient_reaches_cholesky_after_n_steps(dtype, tolerance) -> None:
    system, rhs = ridge_system(64, dtype)
    exact = torch.cholesky_solve(rhs.double(), torch.linalg.cholesky(system.double()))
    found = conjugate_gradient(system, rhs, 64).double()
    assert (found - exact).norm() < tolerance * exact.norm()


def test_padding_and_idle_steps_change_nothing() -> None:
    """Five real samples in a system of 64, 64 steps where 5 are enough: padded entries stay 0."""
    system, rhs = ridge_system(5, torch.float32)
    padded, padded_rhs = torch.zeros(64, 64), torch.zeros(64, 2)
    padded[:5, :5], padded_rhs[:5] = system, rhs
    found = conjugate_gradient(padded, padded_rhs, 64)
    torch.testing.assert_close(found[:5], torch.linalg.solve(system, rhs), rtol=1e-4, atol=1e-6)
    assert torch.equal(found[5:], torch.zeros(59, 2))


def test_nothing_to_solve_is_zero() -> None:
    assert torch.equal(conjugate_gradient(torch.zeros(3, 3), torch.zeros(3, 2), 10), torch.zeros(3, 2))


def test_solution_satisfies_the_bordered_system() -> None:
    """(K + lambda I) alpha + b = r and the alphas sum to 0, lambda = 1 / t = 4."""
    kernel, residual = ridge_system(12, torch.float64)
    alpha, intercept = solve(kernel, residual, 0.25, intercept=True)
    torch.testing.assert_close(kernel @ alpha + 4 * alpha + intercept, residual)
    torch.testing.assert_close(alpha.sum(dim=0), torch.zeros(2, dtype=torch.float64))


def test_grid_starts_with_nothing_and_is_in_units_of_the_kernel() -> None:
    """Mean diagonal 2: lambda from 2000 down to 0.0002 is t from 0.0005 up to 5000."""
    grid = looseness_grid(torch.tensor([[1.0, 0.5], [0.5, 3.0]]))
    assert (grid[0], grid[1], grid[-1]) == pytest.approx((0.0, 0.0005, 5000.0))


def test_equal_but_for_rounding_is_equal() -> None:
    assert first_of_the_best(torch.tensor([2.0, 1.0, 1.0 - 1e-12], dtype=torch.float64)) == 1
    assert first_of_the_best(torch.tensor([torch.nan, 3.0])) == 1
    assert first_of_the_best(torch.tensor([torch.nan, torch.inf])) == -1
