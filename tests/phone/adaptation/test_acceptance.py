"""Acceptance and label checks, on numbers that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.phone.adaptation.acceptance import AcceptanceDecision, decide, rmse_of
from pen_mobile.phone.adaptation.blocks import blocks_of
from pen_mobile.phone.adaptation.label_checks import (
    correlations,
    find_coverage_problem,
    find_label_problem,
    usable_rows,
)
from tests.phone.adaptation.test_blocks import samples_at


def points(*valences: float) -> np.ndarray:
    """Return points on the valence axis."""
    return np.array([(valence, 0) for valence in valences], np.float32)


def verdict(before: np.ndarray, after: np.ndarray, margin: float = 0.0) -> AcceptanceDecision:
    count = len(before)
    return decide(before, after, np.zeros((count, 2), np.float32), np.ones(count, np.float32), np.arange(count), margin)


def test_rmse_over_both_dimensions_with_weights() -> None:
    """Squares (0.6^2 + 0) / 2 = 0.18 and 0; weights 1 and 3: 0.18 / 4 = 0.045, its root 0.2121."""
    assert rmse_of(points(0.6, 0), points(0, 0), np.array([1, 3], np.float32)) == pytest.approx(0.2121, abs=1e-4)


def test_a_clear_improvement_is_accepted() -> None:
    """Every label is missed by 0.2 instead of 0.4: the RMSE halves, and leaving any out changes nothing."""
    found = verdict(points(0.4, 0.4, 0.4, 0.4), points(0.2, 0.2, 0.2, 0.2))
    assert found.refusal is None
    assert (found.before, found.after) == pytest.approx((0.4 / 2**0.5, 0.2 / 2**0.5))
    assert found.spread == pytest.approx(0)


def test_an_improvement_that_chance_explains_is_refused() -> None:
    """Two labels get better by 0.1, two worse by 0.06: squares fall from 4 x 0.16 to 0.603, by chance."""
    found = verdict(points(0.4, 0.4, 0.4, 0.4), points(0.3, 0.3, 0.46, 0.46))
    assert found.after < found.before
    assert found.refusal is not None
    assert "not clear of chance" in found.refusal


def test_the_margin_allows_some_loss() -> None:
    """0.4 becomes 0.42 everywhere: the RMSE grows by 0.02 / sqrt 2 = 0.0141."""
    before, after = points(0.4, 0.4, 0.4), points(0.42, 0.42, 0.42)
    assert verdict(before, after, margin=0.015).refusal is None
    assert "would go from" in str(verdict(before, after, margin=0.013).refusal)


def test_one_extreme_label_cannot_push_a_head_through() -> None:
    """One label is missed by 1.9, the others by 0.1. Going 0.09 toward it makes the square of one fall by
    1.9^2 - 1.81^2 = 0.334, and those of nine others grow by 9 (0.19^2 - 0.1^2) = 0.235: the RMSE falls.
    """
    found = verdict(points(-1.9, *[0.1] * 9), points(-1.81, *[0.19] * 9))
    assert found.after < found.before
    assert found.refusal is not None


def test_what_is_not_finite_is_refused() -> None:
    assert "not a number" in str(verdict(points(0.1, 0.2), points(0.1, np.nan)).refusal)


def test_inverted_shuffled_and_constant_labels_are_doubted() -> None:
    rng = np.random.default_rng(0)
    felt = rng.uniform(-0.6, 0.6, (40, 2)).astype(np.float32)
    said = felt * 0.5 + 0.3
    agreements = correlations(said, felt)
    assert agreements[0] == pytest.approx(1)
    later = np.corrcoef((said - said.mean(axis=0)).ravel(), (np.roll(felt, 7, axis=0) - felt.mean(axis=0)).ravel())
    assert agreements[7] == pytest.approx(later[0, 1])
    assert find_label_problem(felt, said) is None
    assert "contradict the head in use (correlation -1.00)" in str(find_label_problem(-felt, said))
    assert "fit the estimates of the head in use no better" in str(find_label_problem(rng.permutation(felt), said))
    assert "all labels are the same" in str(find_label_problem(np.full_like(felt, 0.5), said))


def test_slow_labels_of_another_time_are_doubted() -> None:
    """A wave and the same wave a quarter later are alike at neighbouring moments, and not at the same ones."""
    phase = 2 * np.pi * np.arange(60)[:, None] / 40 + np.array([0, 1])
    felt, elsewhere = (0.5 * np.sin(phase + shift).astype(np.float32) for shift in (0, np.pi / 2))
    assert find_label_problem(felt, felt) is None
    assert find_label_problem(elsewhere, felt) is not None


def test_a_feature_unlike_all_others_is_not_used() -> None:
    """Norms 1, 1, 1, 9: more than eight times the median."""
    assert usable_rows(np.array([[1, 0], [0, 1], [1, 0], [9, 0]], np.float32)).tolist() == [0, 1, 2]


def test_three_stretches_of_time_are_too_few() -> None:
    assert "from 3 stretches of 10 s" in str(find_coverage_problem(blocks_of(samples_at(np.arange(30.0)))))
    assert find_coverage_problem(blocks_of(samples_at(np.arange(31.0)))) is None
    assert find_coverage_problem(blocks_of(samples_at(np.zeros(31)))) is None
