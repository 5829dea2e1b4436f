"""Batches for training: rows gathered at once, in an order that seed and epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from pen_mobile.data.frames import Frames
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.prefetch import prefetch, reading_threads
from pen_mobile.types import Rows


class Batch(NamedTuple):
    """Some samples.

    Attributes:
        x: inputs, such as frames uint8 ``[B, 3, S, S]``.
        affect: labels, float32 ``[B, K]``.
    """

    x: Tensor
    affect: Tensor


class Samples(Protocol):
    """A data set that hands out whole batches.

    Attributes:
        threads: how many threads may read batches ahead; 0 where reading takes no time worth hiding.
    """

    threads: int

    def __len__(self) -> int: ...

    def batch(self, rows: Sequence[int], epoch: int = 0) -> Batch:
        """Return the batch of these rows as the given epoch shows them; called from several threads at once."""


class FrameSamples:
    """Frames with labels, read (and augmented, if told) when asked for."""

    def __init__(
        self, frames: Frames, size: int, rows: Rows, affect: Tensor, augment: Augmentation | None = None
    ) -> None:
        """Choose the samples.

        Args:
            frames: of a table.
            size: side at which they are read, pixels.
            rows: numbers of the N rows that are samples.
            affect: their labels, ``[N, K]``.
            augment: changes the pixels; None leaves them.
        """
        self.frames, self.size, self.rows = frames, size, rows
        self.affect, self.augment = affect, augment
        self.threads = reading_threads()

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Sequence[int], epoch: int = 0) -> Batch:
        chosen = torch.as_tensor(rows)
        places = self.rows[chosen.numpy()]
        pixels = self.frames.read(places, self.size)
        if self.augment:
            pixels = self.augment(pixels, places, epoch)
        return Batch(torch.from_numpy(pixels).permute(0, 3, 1, 2), self.affect[chosen])


class EpochBatches:
    """Batch sampler whose shuffle depends on (seed, epoch) only, so that a resumed run sees what it would have seen.

    With several processes each takes its own share of every epoch; shares have equal length.
    """

    def __init__(self, count: int, batch_size: int, seed: int, *, shuffle: bool, rank: int = 0, world: int = 1) -> None:
        self.count, self.batch_size, self.seed, self.shuffle = count, batch_size, seed, shuffle
        self.rank, self.world = rank, world
        self.epoch = 0

    def __len__(self) -> int:
        share = -(-self.count // self.world) if self.shuffle else len(range(self.rank, self.count, self.world))
        return -(-share // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order()
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _order(self) -> list[int]:
        if not self.shuffle:
            return list(range(self.rank, self.count, self.world))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.count, generator=generator).tolist()
        short = -self.count % self.world
        return (order + order[:short])[self.rank :: self.world]


def batch_loader(samples: Samples, batches: EpochBatches) -> Iterator[Batch]:
    """Yield one epoch of batches in the sampler's order, read by threads while the step before runs.

    The order and all chance come from ``batches``, so the number of threads changes nothing but the time.
    """
    epoch = batches.epoch
    return prefetch(lambda rows: samples.batch(rows, epoch), batches, samples.threads)
