"""Blocks of time, and what is held out of them."""

from __future__ import annotations

import numpy as np

from pen_mobile.phone.adaptation.blocks import GAP_S, blocks_of
from pen_mobile.phone.adaptation.folds import cross_validation, hold_out
from pen_mobile.phone.store.samples import Samples


def samples_at(times: list[float] | np.ndarray, affect: np.ndarray | None = None) -> Samples:
    count = len(times)
    labels = np.zeros((count, 2)) if affect is None else affect
    ones = np.ones(count, np.float32)
    return Samples(np.zeros((count, 3), np.float32), labels.astype(np.float32), ones, 1.7e9 + np.asarray(times, float))


def test_a_block_lasts_ten_seconds_from_its_first_label() -> None:
    """0 and 9.9 are one block; 10 is ten seconds after 0, 25 fifteen after 10, 34 nine after 25."""
    blocks = blocks_of(samples_at([0, 9.9, 10, 25, 34, 40]))
    assert blocks.by_time
    assert blocks.number.tolist() == [0, 0, 1, 2, 2, 3]


def test_labels_given_at_one_moment_are_blocks_of_their_own() -> None:
    blocks = blocks_of(samples_at(np.zeros(5)))
    assert not blocks.by_time
    assert blocks.number.tolist() == [0, 1, 2, 3, 4]


def test_the_clock_does_not_matter() -> None:
    """A label each second: blocks of ten, whatever the rounding of 1.7e9 + 0.1 makes of differences."""
    times = np.arange(60) + 0.1
    assert np.bincount(blocks_of(samples_at(times)).number).tolist() == [10] * 6


def test_cross_validation_holds_out_everything_once_and_keeps_the_gap() -> None:
    times = np.arange(0, 120, 0.5)
    blocks = blocks_of(samples_at(times))
    splits = cross_validation(blocks, seed=3)
    assert len(splits) == 5
    assert sorted(np.concatenate([split.held_out for split in splits]).tolist()) == list(range(240))
    for train, held_out in splits:
        assert np.abs(times[train][:, None] - times[held_out]).min() >= GAP_S
        whole = np.isin(blocks.number, blocks.number[held_out])
        assert set(np.flatnonzero(whole)) == set(held_out.tolist())


def test_by_chance_the_share_is_exact() -> None:
    """80 labels without times, a fifth: 16 held out, 64 learned from; a quarter of those: 16 and 48."""
    blocks = blocks_of(samples_at(np.zeros(80)))
    train, held_out = hold_out(blocks, 0.2, seed=0)
    assert (len(train), len(held_out)) == (64, 16)
    inner = hold_out(blocks.of(train), 0.25, seed=0)
    assert (len(inner.train), len(inner.held_out)) == (48, 16)


def test_every_fold_covers_the_affect_plane() -> None:
    """Half of the blocks lie at (-0.9, -0.9), half at (0.9, 0.9): five of each, so every fold gets one of each."""
    side = np.repeat(np.tile([-0.9, 0.9], 5), 10)
    blocks = blocks_of(samples_at(np.arange(100.0), np.stack([side, side], axis=1)))
    for seed in range(5):
        for split in cross_validation(blocks, seed):
            assert abs(side[split.held_out].sum()) < 1e-9


def test_the_seed_decides() -> None:
    blocks = blocks_of(samples_at(np.arange(200.0)))
    first, again, other = (cross_validation(blocks, seed)[0].held_out.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other
