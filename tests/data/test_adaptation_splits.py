"""Who may teach the phone and who tests it: nested, disjoint, personal, and apart in time where promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pen_mobile.data.adaptation_splits import BLOCK_S, GAP_S, SCHEMES, adaptation_split
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput

quick = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 1000)
SHARES = st.floats(0, 0.5)
SCHEME = st.sampled_from(sorted(SCHEMES))
IN_TIME = ["blocks", "first", "halves", "recent"]


def recording(counts: dict[str, int], step_s: float = 0.5) -> FeatureTable:
    """Rows of several people, one after the other, with labels and features that differ everywhere."""
    subject = np.repeat(list(counts), list(counts.values()))
    time_s = np.concatenate([np.arange(count) * step_s for count in counts.values()])
    rng = np.random.default_rng(len(subject))
    affect = rng.uniform(-1, 1, (len(subject), 2)).astype(np.float32)
    features = np.stack([time_s, np.sin(time_s), affect[:, 0]], axis=1).astype(np.float32)
    return FeatureTable(subject, np.full(len(subject), "target"), time_s, affect, features=features)


@quick
@given(count=st.integers(60, 300), scheme=SCHEME, seed=SEEDS, small=SHARES, large=SHARES)
def test_nested_disjoint_and_of_the_promised_size(
    count: int, scheme: str, seed: int, small: float, large: float
) -> None:
    """A share is round(share x rows), unless the pool is smaller; smaller shares lie inside larger ones."""
    small, large = sorted((small, large))
    split = adaptation_split(recording({"ann": count}), "ann", scheme, seed)
    few, many = split.adaptation(small), split.adaptation(large)
    assert set(few) <= set(many) <= set(split.pool)
    assert len(many) == min(round(large * count), len(split.pool))
    assert not set(split.pool) & set(split.test)
    assert len(set(split.pool)) == len(split.pool)
    if scheme not in IN_TIME:
        assert len(split.pool) + len(split.test) == count
        assert abs(len(split.test) - count / 2) < 1


@quick
@given(count=st.integers(60, 200), others=st.integers(1, 80), scheme=SCHEME, seed=SEEDS)
def test_other_people_change_nothing(count: int, others: int, scheme: str, seed: int) -> None:
    alone, together = recording({"ann": count}), recording({"aaron": others, "ann": count})
    # The labels and features of ann must be the same in both tables.
    mine = together.rows_of("ann")
    together.affect[mine] = alone.affect
    together.features[mine] = alone.features
    one, two = (adaptation_split(table, "ann", scheme, seed) for table in (alone, together))
    np.testing.assert_array_equal(one.pool + others, two.pool)
    np.testing.assert_array_equal(one.test + others, two.test)


@quick
@given(
    count=st.integers(100, 400),
    step_s=st.sampled_from([0.04, 0.2, 0.5, 1.0]),
    scheme=st.sampled_from(IN_TIME),
    seed=SEEDS,
)
def test_schemes_in_time_keep_their_distance(count: int, step_s: float, scheme: str, seed: int) -> None:
    """No row that may adapt is closer than the gap to any tested row."""
    assume(count * step_s > 4 * BLOCK_S)
    table = recording({"ann": count}, step_s)
    split = adaptation_split(table, "ann", scheme, seed)
    distance = np.abs(table.time_s[split.pool][:, None] - table.time_s[split.test][None])
    assert distance.min() >= GAP_S - 1e-9


def test_blocks_share_no_block() -> None:
    """120 s are 12 blocks of 10 s: 6 test whole; what is left of the others lies in other blocks."""
    table = recording({"ann": 240})
    split = adaptation_split(table, "ann", "blocks", seed=4)
    tested, taught = (set(np.floor(table.time_s[rows] / BLOCK_S)) for rows in (split.test, split.pool))
    assert len(tested) == 6
    assert not tested & taught
    assert len(split.test) == 6 * 20


def test_first_takes_the_beginning_in_order() -> None:
    """100 rows, one a second: the test starts at 50 s, the pool ends before 48 s, 10 % are the first 10 seconds."""
    table = recording({"ann": 100}, step_s=1.0)
    split = adaptation_split(table, "ann", "first")
    assert table.time_s[split.adaptation(0.1)].tolist() == list(range(10))
    assert table.time_s[split.pool].tolist() == list(range(48))
    assert table.time_s[split.test].tolist() == list(range(50, 100))


def test_recent_goes_back_from_the_cut() -> None:
    """100 rows, one a second: the test starts at 50 s; the latest rows 2 s before it come first."""
    table = recording({"ann": 100}, step_s=1.0)
    split = adaptation_split(table, "ann", "recent")
    assert table.time_s[split.adaptation(0.1)].tolist() == list(range(47, 37, -1))
    assert table.time_s[split.test].tolist() == list(range(50, 100))


def test_lengths_of_blocks_and_gaps_can_be_set() -> None:
    """240 rows, one an hour: blocks of a day hold 24 of them; a gap of 3 hours takes three on either side of a test."""
    table = recording({"ann": 240}, step_s=3600.0)
    split = adaptation_split(table, "ann", "blocks", seed=4, block_s=86400, gap_s=3 * 3600)
    days = [set(table.time_s[rows] // 86400) for rows in (split.test, split.pool)]
    assert len(days[0]) == 5
    assert not days[0] & days[1]
    distance = np.abs(table.time_s[split.pool][:, None] - table.time_s[split.test][None])
    assert distance.min() == 3 * 3600
    usual = adaptation_split(table, "ann", "blocks", seed=4)
    assert len(usual.test) == len(usual.pool) == 120  # blocks of 10 s are single rows


def test_stratified_takes_rare_affect_early() -> None:
    """190 calm rows and 10 extreme ones: of the first 20 taken, at least as many are extreme as went to the pool."""
    table = recording({"ann": 200})
    table.affect[:] = 0.1
    table.affect[::20] = 0.9
    split = adaptation_split(table, "ann", "stratified", seed=0)
    extreme_in_pool = int((table.affect[split.pool, 0] > 0.5).sum())
    early = table.affect[split.pool[:20], 0] > 0.5
    assert extreme_in_pool >= 1
    assert int(early.sum()) == extreme_in_pool


def test_k_centre_spreads_over_features() -> None:
    """Four far clusters, one of 5 rows and three of 65: the first four taken see all four."""
    table = recording({"ann": 200})
    corner = np.repeat([0, 1, 2, 3], [65, 65, 65, 5])
    features = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.float32)[corner]
    features += np.random.default_rng(0).normal(0, 0.1, features.shape).astype(np.float32)
    split = adaptation_split(table, "ann", "k-centre", seed=1, features=features)
    assert set(corner[split.pool[:4]]) == set(corner[split.pool])


def test_bad_requests_are_named() -> None:
    table = recording({"ann": 60})
    with pytest.raises(BadInput, match=r"unknown split 'middle'; there are random, first"):
        adaptation_split(table, "ann", "middle")
    with pytest.raises(BadInput, match="no subject 'ben'"):
        adaptation_split(table, "ben")
    with pytest.raises(BadInput, match="the 3 rows of 'eve' are too few for the split 'first'"):
        adaptation_split(recording({"eve": 3}), "eve", "first")
    bare = FeatureTable(table.subject, table.role, table.time_s, table.affect, features=np.zeros((60, 1), np.float32))
    object.__setattr__(bare, "features", None)
    with pytest.raises(BadInput, match="'k-centre' needs features"):
        adaptation_split(bare, "ann", "k-centre")


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_tested_rows_are_in_order_of_time_whatever_order_the_table_has(scheme: str) -> None:
    table = recording({"ann": 120})
    order = np.random.default_rng(0).permutation(120)
    rows = (values[order] for values in (table.subject, table.role, table.time_s, table.affect, table.features))
    mixed = FeatureTable(*rows)
    test = adaptation_split(mixed, "ann", scheme, 0).test
    assert (np.diff(mixed.time_s[test]) > 0).all()
