"""The organisers' repair of a series, step by step with the numbers worked out."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.paper.comparators.postprocessing import (
    PostProcessing,
    ValidationSeries,
    choose_post_processing,
    filter_rows,
    later,
)


def series(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_median_of_three() -> None:
    """Medians of (0 0 9), (0 9 1), (9 1 2), (1 2 3), (2 3 3): both ends stand twice."""
    repaired = PostProcessing(filter_s=3.0).apply(series(0, 9, 1, 2, 3), step_s=1.0)
    assert repaired.tolist() == [0, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("window_s", "step_s", "rows"),
    [(0, 1, 1), (0.5, 1, 1), (3, 1, 3), (5, 1, 5), (0.4, 0.04, 11), (20, 0.04, 501), (20, 30, 1), (1, 0.2, 5)],
)
def test_windows_are_odd_numbers_of_rows(window_s: float, step_s: float, rows: int) -> None:
    """0.4 s at 25 frames a second are 10 rows; 9 and 11 are equally near, and the wider is taken."""
    assert filter_rows(window_s, step_s) == rows


def test_a_window_longer_than_the_recording() -> None:
    """Of 7 rows around each of 3: the ends fill up, so the median is the nearer end, in the middle the middle."""
    assert PostProcessing(filter_s=7.0).apply(series(1, 2, 6), step_s=1.0).tolist() == [1, 2, 6]
    assert PostProcessing(filter_s=499.0).apply(series(4), step_s=1.0).tolist() == [4]


def test_centring_then_scaling() -> None:
    """1 2 3 less 1 is 0 1 2; twice as far from 1 is -1 1 3."""
    repaired = PostProcessing(offset=-1.0, centre=1.0, scale=2.0).apply(series(1, 2, 3), step_s=1.0)
    assert repaired.tolist() == [-1, 1, 3]


def test_shifting_repeats_the_first_value() -> None:
    assert later(series(1, 2, 3, 4), 2).tolist() == [1, 1, 1, 2]
    assert later(series(1, 2), 5).tolist() == [1, 1]
    assert PostProcessing(shift_s=0.5).apply(series(1, 2, 3), step_s=0.25).tolist() == [1, 1, 1]


def test_by_default_nothing_changes() -> None:
    values = series(0.1, -0.7, 0.3)
    np.testing.assert_array_equal(PostProcessing().apply(values, 0.04), values)


def test_offset_and_scale_are_those_of_the_validation_set() -> None:
    """Labels 0 2 4 | 6, estimates 1 2 3 | 4 over two recordings.

    Means 3 and 2.5: offset 0.5. Deviations sqrt(5) and sqrt(1.25): scale 2, around the mean reached, 3. Then the
    estimates are 1.5 2.5 3.5 4.5 -> 0 2 4 6: the labels, CCC 1.
    """
    recordings = [ValidationSeries(series(1, 2, 3), series(0, 2, 4), 1.0), ValidationSeries(series(4), series(6), 1.0)]
    kept, ccc = choose_post_processing(recordings, filters_s=())
    assert (kept.offset, kept.centre, kept.scale) == pytest.approx((0.5, 3.0, 2.0))
    assert (kept.filter_s, kept.shift_s) == (0, 0)
    assert ccc == pytest.approx(1.0)


def test_a_perfect_series_is_left_alone() -> None:
    label = series(0, 0.5, 0.1, 0.9, 0.3)
    kept, ccc = choose_post_processing([ValidationSeries(label, label, 1.0)], (3.0, 5.0), (1.0,))
    assert kept == PostProcessing()
    assert ccc == pytest.approx(1.0)


def test_spikes_choose_a_filter_and_lag_a_shift() -> None:
    """Estimates run 2 rows ahead of slow labels, with a spike at every tenth row: 3 s suffice against single rows."""
    label = np.sin(np.arange(120) / 8).astype(np.float32)
    estimate = np.roll(label, -2)
    estimate[5:115:10] += 3
    kept, ccc = choose_post_processing([ValidationSeries(estimate, label, 1.0)], (3.0, 41.0), (1.0, 2.0, 4.0))
    assert (kept.filter_s, kept.shift_s) == (3.0, 2.0)
    assert ccc > 0.98


def test_recordings_are_filtered_one_by_one() -> None:
    """A window never reaches into the next recording: the median of (0 0 8) is 0, of (0 8 8) would be 8."""
    recordings = [ValidationSeries(series(8, 0, 0), series(0, 0, 0), 1.0) for _ in range(2)]
    choice = np.concatenate([PostProcessing(filter_s=3.0).apply(one.estimate, 1.0) for one in recordings])
    assert choice.tolist() == [8, 0, 0, 8, 0, 0]


@pytest.mark.parametrize(
    ("estimate", "label"),
    [
        (series(0.1, 0.2, 0.3), series(0.5, 0.5, 0.5)),  # labels constant: CCC 0 whatever is done
        (series(0.2, 0.2, 0.2), series(0.1, 0.5, 0.9)),  # estimates constant: no ratio of deviations
        (series(0.2, 0.2), series(0.2, 0.2)),  # both one constant: CCC undefined
        (series(0.2), series(0.7)),  # one sample: CCC undefined
    ],
)
def test_where_ccc_says_nothing_nothing_is_kept(estimate: np.ndarray, label: np.ndarray) -> None:
    kept, ccc = choose_post_processing([ValidationSeries(estimate, label, 1.0)], (3.0,), (1.0,))
    assert kept == PostProcessing()
    assert ccc == 0
