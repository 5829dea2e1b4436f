"""Batches: every row once, in an order that seed and epoch decide, in fair shares."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_mobile.data.frames import ArrayFrames, resize
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.batches import Batch, EpochBatches, FrameSamples, batch_loader
from tests.training.feature_samples import FeatureSamples

quick = settings(deadline=None, max_examples=60)


def rows_of(batches: EpochBatches) -> list[int]:
    return [row for batch in batches for row in batch]


@quick
@given(count=st.integers(1, 50), size=st.integers(1, 20), seed=st.integers(0, 99), shuffle=st.booleans())
def test_an_epoch_is_every_row_once(count: int, size: int, seed: int, shuffle: bool) -> None:
    batches = EpochBatches(count, size, seed, shuffle=shuffle)
    given_out = list(batches)
    assert len(given_out) == len(batches)
    assert sorted(rows_of(batches)) == list(range(count))
    assert [len(batch) for batch in given_out[:-1]] == [size] * (len(given_out) - 1)


@quick
@given(count=st.integers(8, 60), world=st.integers(2, 4), shuffle=st.booleans())
def test_processes_share_an_epoch(count: int, world: int, shuffle: bool) -> None:
    """Training shares have equal length, or a process would wait for ever; validation counts every row once."""
    parts = [EpochBatches(count, 3, seed=1, shuffle=shuffle, rank=rank, world=world) for rank in range(world)]
    rows = [rows_of(part) for part in parts]
    together = [row for part in rows for row in part]
    assert set(together) == set(range(count))
    assert [len(list(part)) for part in parts] == [len(part) for part in parts]
    if shuffle:
        assert len({len(part) for part in rows}) == 1
        assert len(together) - count < world
    else:
        assert len(together) == count


def test_epochs_differ_and_come_again() -> None:
    """A resumed run must see what it would have seen: the order does not depend on what was drawn before."""
    first, second = (EpochBatches(30, 8, seed=2, shuffle=True) for _ in range(2))
    orders = []
    for epoch in (1, 2, 3):
        first.epoch = epoch
        orders.append(rows_of(first))
    assert len({tuple(order) for order in orders}) == 3
    second.epoch = 3
    assert rows_of(second) == orders[2]
    assert rows_of(EpochBatches(30, 8, seed=3, shuffle=True)) != rows_of(EpochBatches(30, 8, seed=2, shuffle=True))


def test_feature_batches_keep_rows_together() -> None:
    samples = FeatureSamples(torch.arange(10.0).view(5, 2), torch.arange(10.0).view(5, 2) / 10)
    (batch,) = batch_loader(samples, EpochBatches(5, 8, seed=0, shuffle=True))
    rows = [int(value) for value in batch.x[:, 0] / 2]
    assert sorted(rows) == [0, 1, 2, 3, 4]
    torch.testing.assert_close(batch.x, samples.features[rows])
    torch.testing.assert_close(batch.affect, samples.affect[rows])


def test_frame_batches_are_resized_and_channels_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    chosen = np.array([5, 0, 3])
    samples = FrameSamples(ArrayFrames(pixels), 4, chosen, torch.tensor([[2.0, 0], [0, 0], [1, 0]]))
    batch = samples.batch([2, 0])
    assert batch.x.dtype == torch.uint8
    np.testing.assert_array_equal(batch.x.numpy(), resize(pixels[[3, 5]], 4).transpose(0, 3, 1, 2))
    assert batch.affect[:, 0].tolist() == [1, 2]
    assert len(samples) == 3


def two_epochs(threads: int, augment: Augmentation | None) -> list[Batch]:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 12, 12, 3), dtype=np.uint8)
    rows = np.arange(5, 28)
    samples = FrameSamples(ArrayFrames(pixels), 8, rows, torch.arange(46.0).view(23, 2), augment)
    samples.threads = threads
    order = EpochBatches(23, 4, seed=7, shuffle=True)
    batches = []
    for order.epoch in (1, 2):
        batches += list(batch_loader(samples, order))
    return batches


def test_threads_change_nothing_but_the_time() -> None:
    """Two epochs of 23 rows in batches of 4 are 12 batches, augmented alike whoever read them."""
    alone, *others = ([*two_epochs(threads, Augmentation(seed=7))] for threads in (0, 1, 2, 5))
    assert len(alone) == 12
    for batches in others:
        for one, other in zip(alone, batches, strict=True):
            assert torch.equal(one.x, other.x)
            assert torch.equal(one.affect, other.affect)


def test_augmentation_changes_pixels_and_not_who_is_seen() -> None:
    plain, changed = two_epochs(2, None), two_epochs(2, Augmentation(seed=7))
    for one, other in zip(plain, changed, strict=True):
        assert torch.equal(one.affect, other.affect)
        assert not torch.equal(one.x, other.x)
    first = {int(who): x for batch in changed[:6] for who, x in zip(batch.affect[:, 0], batch.x, strict=True)}
    second = {int(who): x for batch in changed[6:] for who, x in zip(batch.affect[:, 0], batch.x, strict=True)}
    assert first.keys() == second.keys()
    assert not any(torch.equal(first[who], second[who]) for who in first)
