"""A personal offset."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pen_mobile.training.strategies import adapt_with
from pen_mobile.training.strategies.offset import shrunk_mean


def test_prediction_moves_by_just_the_offset(make_case, loop_mixture) -> None:
    """Residuals that are all (0.2, -0.1): leaving one out finds the same mean, k = 1."""
    for expert_count in (1, 3):
        head_parameters, z, _ = make_case(expert_count, 6)
        _, before = loop_mixture(head_parameters, z)
        affect = torch.from_numpy(before + np.array([0.2, -0.1])).float()
        _, after = loop_mixture(adapt_with("offset", head_parameters, z, affect), z)
        np.testing.assert_allclose(after - before, np.tile([0.2, -0.1], (6, 1)), atol=1e-6)


def test_two_residuals_by_hand() -> None:
    """Valence 0.1 and 0.3: the mean is 0.2, without one it is the other's. Errors (0.1 - 0.3k)^2 + (0.3 - 0.1k)^2.

    The slope is zero at k = (0.1 * 0.3 + 0.3 * 0.1) / (0.3^2 + 0.1^2) = 0.06 / 0.10 = 0.6. Arousal -0.2 and 0.2
    have k < 0, so 0.
    """
    shrunk = shrunk_mean(torch.tensor([[0.1, -0.2], [0.3, 0.2]], dtype=torch.float64))
    assert shrunk.tolist() == pytest.approx([0.6 * 0.2, 0.0])


@pytest.mark.parametrize("labels", [2, 3, 9])
def test_shrinkage_is_what_leaving_one_out_finds_on_a_fine_grid(labels) -> None:
    residual = torch.randn(labels, 2, generator=torch.Generator().manual_seed(labels)).double() * 0.1 + 0.06
    grid = np.linspace(0, 1, 2001)
    for dimension, found in enumerate(shrunk_mean(residual)):
        r = residual[:, dimension].numpy()
        errors = [sum((r[j] - k * np.delete(r, j).mean()) ** 2 for j in range(labels)) for k in grid]
        assert found.item() == pytest.approx(grid[int(np.argmin(errors))] * r.mean(), abs=3e-4 * abs(r.mean()) + 1e-9)
