"""The One-Euro filter against its formula, and what it is for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pen_mobile.phone.smoothing import OneEuroFilter, smoothed


def test_two_steps_by_hand() -> None:
    """From 0 to 1 in half a second is a speed of 2, weighed by 1 / (1 + 1 / (2 pi 0.5 0.5)) = 0.611."""
    weight = 1 / (1 + 1 / (2 * math.pi * 0.5 * 0.5))
    cutoff = 0.15 + 0.6 * 2 * weight
    expected = 1 / (1 + 1 / (2 * math.pi * cutoff * 0.5))
    one_euro = OneEuroFilter(min_cutoff=0.15, beta=0.6, speed_cutoff=0.5)
    assert one_euro(0.0, np.zeros(1, np.float32)) == 0
    assert one_euro(0.5, np.ones(1, np.float32)) == pytest.approx(expected)


def test_it_calms_noise_and_follows_a_jump() -> None:
    time_s = np.arange(200) / 5
    noise = np.random.default_rng(0).normal(0, 0.05, (200, 2)).astype(np.float32)
    signal = np.where(time_s[:, None] < 20, -0.5, 0.5).astype(np.float32).repeat(2, axis=1)
    calm = smoothed(time_s, signal + noise)
    assert calm[50:100].std() < 0.6 * (signal + noise)[50:100].std()
    assert np.abs(calm[110] - 0.5).max() < 0.15  # two seconds after the jump


def test_what_comes_later_changes_nothing_before() -> None:
    values = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    time_s = np.arange(40.0)
    other = values.copy()
    other[20:] = 9
    np.testing.assert_array_equal(smoothed(time_s, values)[:20], smoothed(time_s, other)[:20])


def test_a_moment_that_comes_twice_keeps_its_value() -> None:
    one_euro = OneEuroFilter()
    one_euro(1.0, np.zeros(2, np.float32))
    first = one_euro(2.0, np.ones(2, np.float32))
    np.testing.assert_array_equal(one_euro(2.0, np.full(2, 7, np.float32)), first)
