"""Batches for training: rows gathered at once, in an order that seed and epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pen_mobile.subjects.frames import Frames
from pen_mobile.subjects.table import Rows


class Batch(NamedTuple):
    """Some samples.

    Attributes:
        x: frames uint8 ``[B, 3, S, S]`` or features float32 ``[B, D_z]``.
        affect: valence and arousal, float32 ``[B, 2]``.
        subject: index of the source person, int64 ``[B]``.
    """

    x: Tensor
    affect: Tensor
    subject: Tensor


class Samples(Protocol):
    """A data set that hands out whole batches."""

    def __len__(self) -> int: ...

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows."""


class FeatureSamples(Dataset[Batch]):
    """Features with labels, all in memory or memory-mapped."""

    def __init__(self, features: Tensor, affect: Tensor, subject: Tensor) -> None:
        self.features, self.affect, self.subject = features, affect, subject

    def __len__(self) -> int:
        return len(self.features)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        chosen = torch.as_tensor(rows)
        return Batch(self.features[chosen], self.affect[chosen], self.subject[chosen])


class FrameSamples(Dataset[Batch]):
    """Frames with labels, read when asked for."""

    def __init__(self, frames: Frames, size: int, rows: Rows, affect: Tensor, subject: Tensor) -> None:
        self.frames, self.size, self.rows = frames, size, rows
        self.affect, self.subject = affect, subject

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        chosen = torch.as_tensor(rows)
        pixels = self.frames.read(self.rows[chosen.numpy()], self.size)
        return Batch(torch.from_numpy(pixels).permute(0, 3, 1, 2), self.affect[chosen], self.subject[chosen])


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


def batch_loader(samples: Samples, batches: EpochBatches) -> DataLoader[Batch]:
    """Return a loader that yields :class:`Batch` objects in the sampler's order."""
    return DataLoader(samples, batch_sampler=batches, collate_fn=_as_is)  # type: ignore[arg-type]


def _as_is(batch: Batch) -> Batch:
    return batch
