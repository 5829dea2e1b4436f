"""Folds by time and the order of batches, by rules that other languages can repeat."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.models.label_set import stretches
from pen_mobile.phone.adaptation.folds import batch_order, thin_out, time_folds, votes_of


def test_labels_far_apart_have_a_vote_each_and_those_of_an_instant_share_one() -> None:
    times = np.array([0, 0, 0, 1e4, 2e4])
    np.testing.assert_allclose(votes_of(times, 5.0), [1 / 3] * 3 + [1, 1])


def test_seven_votes() -> None:
    """Places 0.5 to 6.5 of 7 in fifths: 0.36, 1.07, 1.79, 2.5, 3.21, 3.93, 4.64."""
    assert time_folds(1e4 * np.arange(7), np.ones(7)).tolist() == [0, 1, 1, 2, 3, 3, 4]


def test_an_instant_is_not_divided() -> None:
    """Ten labels of one instant with a tenth of a vote each, then four: places 0.5, 1.5, ... of 5."""
    times, votes = np.array([0.0] * 10 + [1e4, 2e4, 3e4, 4e4]), np.array([0.1] * 10 + [1.0] * 4)
    assert time_folds(times, votes).tolist() == [0] * 10 + [1, 2, 3, 4]


def test_one_label_and_none() -> None:
    assert time_folds(np.zeros(1), np.ones(1)).tolist() == [2]
    assert time_folds(np.zeros(0), np.zeros(0)).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_folds_are_those_of_the_method(seed: int) -> None:
    """The same as the stretches of the float64 reference, with labels of one instant or without."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 100, rng.integers(1, 40)))
    times = np.round(times) if seed % 2 else times
    votes = votes_of(times, 5.0)
    later = np.clip((times[:, None] - times) / 2e-3 + 0.5, 0, 1)
    np.testing.assert_array_equal(time_folds(times, votes), stretches(later, votes).argmax(axis=1))


def test_what_is_closest_to_the_one_before_goes_first() -> None:
    assert thin_out(np.array([0.0, 0, 0, 5, 9]), 3).tolist() == [0, 3, 4]
    assert thin_out(np.array([0.0, 3, 4, 9]), 3).tolist() == [0, 1, 3]
    assert thin_out(np.arange(3.0), 3).tolist() == [0, 1, 2]


def test_of_equal_distances_old_ones_get_sparse_first() -> None:
    """0 to 11: 1, 3, 5, 7, 9 go one after the other, as far as needed."""
    assert thin_out(np.arange(12.0), 9).tolist() == [0, 2, 4, 6, 7, 8, 9, 10, 11]


def test_a_burst_among_labels_of_a_day() -> None:
    """Of 200 labels in 200 s and 20 labels an hour apart, the 20 stay."""
    hours = 3600.0 * np.arange(1, 21)
    times = np.sort(np.concatenate([np.arange(200.0), hours]))
    kept = times[thin_out(times, 30)]
    assert set(hours) <= set(kept)
    assert len(kept) == 30


def test_an_epoch_by_hand() -> None:
    """From x = 0, with N = 3: x = 1013904223, 3 x // 2^32 = 0: swap 2 and 0; then
    x = (1664525 * 1013904223 + 1013904223) mod 2^32 = 1196435762, 2 x // 2^32 = 0: swap 1 and 0.
    """
    assert batch_order(3, 0).tolist() == [1, 2, 0]


def test_epochs_are_permutations_of_their_own() -> None:
    orders = [batch_order(50, epoch) for epoch in range(20)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 20
    places = np.stack(orders).mean(axis=0)
    assert abs(places - 24.5).max() < 15  # by chance: 14.4 / sqrt 20 = 3.2


def test_one_sample() -> None:
    assert batch_order(1, 7).tolist() == [0]
