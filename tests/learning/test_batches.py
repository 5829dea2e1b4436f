"""Batches: every row once, in an order that seed and epoch decide, in fair shares."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_mobile.learning.batches import EpochBatches, FeatureSamples, FrameSamples, batch_loader
from pen_mobile.subjects.frames import ArrayFrames, resize

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
    samples = FeatureSamples(torch.arange(10.0).view(5, 2), torch.arange(10.0).view(5, 2) / 10, torch.arange(5))
    (batch,) = batch_loader(samples, EpochBatches(5, 8, seed=0, shuffle=True))
    assert sorted(batch.subject.tolist()) == [0, 1, 2, 3, 4]
    torch.testing.assert_close(batch.x, samples.features[batch.subject])
    torch.testing.assert_close(batch.affect, samples.affect[batch.subject])


def test_frame_batches_are_resized_and_channels_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    chosen = np.array([5, 0, 3])
    samples = FrameSamples(ArrayFrames(pixels), 4, chosen, torch.zeros(3, 2), torch.tensor([2, 0, 1]))
    batch = samples.__getitems__([2, 0])
    assert batch.x.dtype == torch.uint8
    np.testing.assert_array_equal(batch.x.numpy(), resize(pixels[[3, 5]], 4).transpose(0, 3, 1, 2))
    assert batch.subject.tolist() == [1, 2]
    assert len(samples) == 3
