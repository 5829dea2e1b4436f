"""Standardised coordinates for steps: the same heads, whatever the norm of the features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pen_mobile.models.heads import ExpertHead
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched
from pen_mobile.training.feature_scaling import FeatureScaling, feature_statistics

SIZE, ROWS = 5, 60


def features(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, SIZE, generator=generator) * torch.tensor([0.01, 1, 2, 30, 5]) + 4


def scaling_of(z: Tensor) -> FeatureScaling:
    return FeatureScaling.of(*feature_statistics(z.numpy(), np.arange(len(z))))


def outputs(parameters: Tensor, z: Tensor) -> Tensor:
    head = ExpertHead(z.shape[1], len(parameters) // 3)
    head.load_state_dict({"head_parameters": parameters})
    with torch.no_grad():
        return head(z).affect


def head(seed: int = 1) -> Tensor:
    return (torch.rand(6, SIZE + 1, generator=torch.Generator().manual_seed(seed)) - 0.5) * 0.1


def test_statistics_are_of_the_chosen_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 rows, the last shorter, give what numpy gives at once."""
    monkeypatch.setattr("pen_mobile.training.feature_scaling._BLOCK", 7)
    z, rows = features().numpy(), np.arange(3, 33)
    mean, std = feature_statistics(z, rows)
    np.testing.assert_allclose(mean, z[rows].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, z[rows].std(axis=0), rtol=1e-5)
    assert (mean.dtype, std.dtype) == (np.float32, np.float32)


def test_a_head_is_the_same_function_in_both_coordinates() -> None:
    z = features()
    scaling, parameters = scaling_of(z), head()
    standard = scaling.standardize_(z.clone())
    torch.testing.assert_close(outputs(scaling.to_standard(parameters), standard), outputs(parameters, z))
    torch.testing.assert_close(scaling.from_standard(scaling.to_standard(parameters)), parameters)


def test_standardised_features_have_mean_0_and_deviation_1_where_they_vary() -> None:
    """The first varies by 0.01 around 4, less than 1 % of its mean: its deviation counts as 0.04."""
    z = features()
    scaling = scaling_of(z)
    standard = scaling.standardize_(z.clone())
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(SIZE), rtol=0, atol=1e-4)
    torch.testing.assert_close(standard[:, 1:].std(dim=0, correction=0), torch.ones(SIZE - 1), rtol=1e-4, atol=0)
    assert scaling.deviation[0].item() == pytest.approx(0.01 * scaling.mean[0].item())


def test_features_that_never_vary_are_finite() -> None:
    scaling = FeatureScaling.of(np.zeros(3, np.float32), np.zeros(3, np.float32))
    assert scaling.deviation.tolist() == [1, 1, 1]
    dead = FeatureScaling.of(np.zeros(3, np.float32), np.array([0, 2, 2], np.float32))
    assert dead.deviation[0].item() == pytest.approx(1e-3 * (8 / 3) ** 0.5)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_adaptation_does_not_depend_on_the_norm_of_the_features(factor: float) -> None:
    """z times a factor, with weights divided by it: the same outputs before, and the same after 3 epochs."""
    z, y = features(), torch.tanh(torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(5)))
    start, rows = head(), [torch.arange(ROWS)]
    scaled = start.clone()
    scaled[:, :-1] /= factor
    ends = [
        outputs(adapt_batched(parameters[None], x, y, rows, AdaptationSettings(epochs=3, scaling=scaling_of(x)))[0], x)
        for parameters, x in ((start, z), (scaled, z * factor))
    ]
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(ends[0], outputs(start, z), atol=1e-2)
