"""CCC and RMSE: the definition, known values, and an answer for every input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchmetrics.functional import concordance_corrcoef

from pen_mobile.metrics import agreement
from tests.agreements import agreed

quick = settings(deadline=None, max_examples=40)


def both(values: list[float] | NDArray[np.float32]) -> NDArray[np.float32]:
    """The same values for valence and arousal, ``[N, 2]``."""
    return np.stack([np.asarray(values, np.float32)] * 2, axis=1)


def ccc_by_definition(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """``2 cov(x, y) / (var x + var y + (mean x - mean y)^2)`` with sample moments (n - 1), in float64."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    covariance = ((x - x.mean()) * (y - y.mean())).sum() / (len(x) - 1)
    return float(2 * covariance / (x.var(ddof=1) + y.var(ddof=1) + (x.mean() - y.mean()) ** 2))


@quick
@given(
    count=st.integers(2, 40),
    seed=st.integers(0, 999),
    scale=st.sampled_from([1.0, 0.3, 1e-2, 1e-3]),
    offset=st.sampled_from([0.0, 0.2, -0.9]),
)
def test_ccc_is_its_definition(count: int, seed: int, scale: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    label = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    estimate = (offset + scale * (0.5 * label + rng.standard_normal((count, 2)))).astype(np.float32)
    result = agreement(estimate, label)
    expected = [ccc_by_definition(estimate[:, column], label[:, column]) for column in (0, 1)]
    assert [result.ccc_valence, result.ccc_arousal] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    theirs = [
        float(concordance_corrcoef(*torch.from_numpy(np.stack([estimate, label])[..., c]).double())) for c in (0, 1)
    ]
    assert [result.ccc_valence, result.ccc_arousal] == pytest.approx(theirs, rel=1e-9, abs=1e-9)
    assert result.ccc == pytest.approx(sum(expected) / 2)
    swapped = agreement(label, estimate)
    assert (swapped.ccc_valence, swapped.ccc_arousal) == pytest.approx((result.ccc_valence, result.ccc_arousal))


def test_ccc_by_hand() -> None:
    """Estimates 0, 1/4, 1/2 of labels -1/2, 0, 1/2.

    Means 1/4 and 0; deviations (-1/4, 0, 1/4) and (-1/2, 0, 1/2).
    cov = (1/8 + 0 + 1/8) / 2 = 1/8; var x = (1/16 + 1/16) / 2 = 1/16; var y = (1/4 + 1/4) / 2 = 1/4.
    CCC = 2/8 / (1/16 + 1/4 + (1/4)^2) = (1/4) / (3/8) = 2/3.
    """
    result = agreement(both([0, 0.25, 0.5]), both([-0.5, 0, 0.5]))
    assert result.ccc_valence == pytest.approx(2 / 3)
    assert result.ccc_arousal == pytest.approx(2 / 3)


def test_perfect_and_opposite_estimates() -> None:
    """With x = -y: cov = -var y and both means are 0, so CCC = -2 var / (2 var) = -1."""
    labels = both([-0.5, 0.25, 0.25])
    assert agreement(labels, labels).ccc == pytest.approx(1)
    assert agreement(-labels, labels).ccc == pytest.approx(-1)


def test_dimensions_are_not_mixed() -> None:
    label = np.array([[-1, 1], [0, 0], [1, -1]], np.float32)
    estimate = np.array([[-1, -1], [0, 0], [1, 1]], np.float32)
    result = agreement(estimate, label)
    assert result.ccc_valence == pytest.approx(1)
    assert result.ccc_arousal == pytest.approx(-1)
    assert result.ccc == pytest.approx(0)
    assert result.rmse_valence == 0
    assert result.rmse_arousal == pytest.approx(math.sqrt(8 / 3))  # errors 2, 0, 2: (4 + 0 + 4) / 3


def test_constant_estimates_of_varying_labels_are_worth_nothing() -> None:
    assert agreement(both([0.2, 0.2, 0.2]), both([0.1, 0.2, 0.3])).ccc_valence == 0
    assert agreement(both([0.1, 0.2, 0.3]), both([0.2, 0.2, 0.2])).ccc_valence == 0


@pytest.mark.parametrize(("estimate", "label"), [([0.2, 0.2], [0.2, 0.2]), ([0.2, 0.2], [0.5, 0.5]), ([0.2], [0.3])])
def test_undefined_is_none(estimate: list[float], label: list[float]) -> None:
    """Two constants have no variance at all, and a single sample has none either."""
    result = agreement(both(estimate), both(label))
    assert (result.ccc_valence, result.ccc_arousal, result.ccc) == (None, None, None)
    assert result.rmse_valence == pytest.approx(abs(estimate[0] - label[0]), rel=1e-6)


def test_undefined_in_one_dimension_is_undefined_on_the_whole() -> None:
    label = np.array([[0.1, 0.5], [0.2, 0.5]], np.float32)
    result = agreement(label, label)
    assert result.ccc_valence == pytest.approx(1)
    assert result.ccc_arousal is None
    assert result.ccc is None


def test_small_variation_far_from_zero_is_not_lost() -> None:
    """A face that hardly moves: labels 0.9 +- 0.001, matched exactly; float32 moments would give noise."""
    labels = both(0.9 + 0.001 * np.sin(np.arange(50)))
    assert agreement(labels, labels).ccc == pytest.approx(1, abs=1e-9)


def test_rmse_by_hand() -> None:
    """Valence errors 0.3 and 0.4: sqrt((0.09 + 0.16) / 2) = 0.353553. Arousal errors 0 and 1: sqrt(1/2) = 0.707107.

    Over both: sqrt((0.125 + 0.5) / 2) = sqrt(0.3125) = 0.559017.
    """
    estimate = np.array([[0.3, 0], [0.4, 1]], np.float32)
    result = agreement(estimate, np.zeros((2, 2), np.float32))
    assert result.rmse_valence == pytest.approx(0.353553, abs=1e-6)
    assert result.rmse_arousal == pytest.approx(0.707107, abs=1e-6)
    assert result.rmse == pytest.approx(0.559017, abs=1e-6)


def test_means_over_both_dimensions() -> None:
    """(0.2 + 0.6) / 2 = 0.4; sqrt((3^2 + 4^2) / 2) = sqrt(12.5) = 3.535534."""
    result = agreed(0.2, 0.6, 3.0, 4.0)
    assert result.ccc == pytest.approx(0.4)
    assert result.rmse == pytest.approx(3.535534, abs=1e-6)
