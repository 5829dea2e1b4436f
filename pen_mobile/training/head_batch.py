"""Heads that step together: G sets of rows with H heads on each, one gather and two products a step for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pen_mobile.training.batched_optimizers import BatchedOptimizer
from pen_mobile.training.batches import EpochBatches
from pen_mobile.training.feature_scaling import FeatureScaling
from pen_mobile.training.head_kernels import Labels, Mixture, TermFactors

_ROWS_AT_ONCE = 512  # rows of each set that are gathered at once to measure a loss


class HeadSamples(NamedTuple):
    """Samples that all heads share.

    Attributes:
        features: z, ``[N, D_z]``; may be memory-mapped and read-only.
        affect: labels, ``[N, K]``.
        subject: index of the source person of each sample, int64 ``[N]``, or ``[G, N]`` where each set of rows
            has its own numbers of people; None for target people.
        scaling: by which features are standardised; None takes them as they are.
    """

    features: Tensor
    affect: Tensor
    subject: Tensor | None = None
    scaling: FeatureScaling | None = None

    def to(self, device: torch.device | str) -> HeadSamples:
        """Return the same on another device."""
        subject = None if self.subject is None else self.subject.to(device)
        scaling = None if self.scaling is None else self.scaling.to(device)
        return HeadSamples(self.features.to(device), self.affect.to(device), subject, scaling)


Batch = tuple[Tensor, Labels]
"""Row numbers ``[G, B]`` of one batch, and their labels."""


class HeadBatch:
    """Heads of one shape, and their losses and gradients.

    Attributes:
        weights: head parameters of all heads, ``[G, H, R, D_z + 1]``, as functions of standardised features where the
            samples have a scaling; they change in place.
    """

    def __init__(self, heads: Tensor, samples: HeadSamples, expert_count: int, factors: TermFactors) -> None:
        """Take copies of heads.

        Args:
            heads: head parameters to start from, as functions of z, ``[G, H, R, D_z + 1]``.
            samples: of all sets of rows, on the device of ``heads``.
            expert_count: n_s; the first n_s of the R rows are the gate's.
            factors: of the loss terms, for the H heads.
        """
        self.samples, self.expert_count, self.factors = samples, expert_count, factors
        start = heads if samples.scaling is None else samples.scaling.to_standard(heads)
        self._flat = start.flatten(1, 2).clone(memory_format=torch.contiguous_format)
        self.weights = self._flat.view(heads.shape)
        self._gradient = torch.empty_like(self._flat)
        self._buffers: dict[int, Tensor] = {}

    def epoch(self, orders: Sequence[Tensor], batch_size: int) -> Iterator[Batch]:
        """Yield the batches of one epoch; each weighs its own samples equally.

        Args:
            orders: row numbers of each of the G sets, in order; as many batches each.
            batch_size: samples a step; a last batch may be shorter.
        """
        for rows, labels in self._cut(orders, batch_size):
            yield rows, labels.shared_among(labels.share.sum(dim=2, keepdim=True))

    def step(self, batch: Batch, optimizer: BatchedOptimizer, trained: Tensor | None = None) -> Tensor:
        """Take one step and return the loss of each head before it, ``[G, H]``.

        Args:
            batch: one of :meth:`epoch`.
            optimizer: of ``weights`` flattened to ``[G, H R, D_z + 1]``.
            trained: 1 for rows of a head that change and 0 for others, ``[R, 1]``; None is all.
        """
        rows, labels = batch
        z = self._gather(rows)
        mixed = Mixture.of(self._products(z), self.expert_count)
        to_products = mixed.gradient(labels, self.factors)
        to_rows = (to_products if trained is None else to_products * trained).flatten(1, 2)
        torch.bmm(to_rows, z, out=self._gradient[:, :, :-1])
        self._gradient[:, :, -1] = to_rows.sum(dim=2)
        loss = mixed.losses(labels, self.factors)
        optimizer.update(self._flat, self._gradient)
        return loss

    def losses(self, rows: Sequence[Tensor], factors: TermFactors | None = None) -> Tensor:
        """Return the loss of each head over all rows of its set, float64 ``[G, H]``.

        Args:
            rows: row numbers of each of the G sets.
            factors: of the loss terms; None takes those that are learned with.
        """
        size = min(_ROWS_AT_ONCE, max(map(len, rows)))
        count = torch.tensor([[[len(chosen)]] for chosen in rows], device=self._flat.device)
        loss = torch.zeros(self.weights.shape[:2], dtype=torch.float64, device=self._flat.device)
        for chosen, labels in self._cut(rows, size):
            mixed = Mixture.of(self._products(self._gather(chosen)), self.expert_count)
            loss += mixed.losses(labels.shared_among(count), factors or self.factors)
        return loss

    def as_given(self, weights: Tensor) -> Tensor:
        """Return weights of these heads as functions of z.

        Args:
            weights: copies of ``weights`` or parts of it, ``[..., R, D_z + 1]``.
        """
        scaling = self.samples.scaling
        return weights if scaling is None else scaling.from_standard(weights)

    def flat_weights(self) -> Tensor:
        """Return ``weights`` as ``[G, H R, D_z + 1]``, as an optimizer sees them."""
        return self._flat

    def _cut(self, orders: Sequence[Tensor], size: int) -> Iterator[Batch]:
        """Yield batches of ``size`` rows of each set; a short batch is padded with a row of the same set."""
        number = -(-max(map(len, orders)) // size)
        padded = torch.stack([torch.cat([order, order[:1].expand(number * size - len(order))]) for order in orders])
        lengths = torch.tensor([len(order) for order in orders])
        weight = (torch.arange(number * size) < lengths[:, None]).view(len(orders), number, 1, size)
        rows = padded.view(len(orders), number, size).to(self.samples.affect.device)
        share = weight.to(self.samples.affect)
        affect, subject = self.samples.affect[rows].transpose(2, 3).unsqueeze(2), self.samples.subject
        people = None if subject is None else _of_rows(subject, rows)[:, :, None, None]
        for place in range(number):
            of_subject = None if people is None else people[:, place]
            yield rows[:, place], Labels(affect[:, place], share[:, place], of_subject)

    def _gather(self, rows: Tensor) -> Tensor:
        """Return z ``[G, B, D_z]``, which the next call with the same B overwrites."""
        features = self.samples.features
        buffer = self._buffers.get(rows.shape[1])
        if buffer is None:
            buffer = self._buffers[rows.shape[1]] = features.new_empty(rows.numel(), features.shape[1])
        torch.index_select(features, 0, rows.flatten(), out=buffer)
        if self.samples.scaling is not None:
            self.samples.scaling.standardize_(buffer)
        return buffer.view(*rows.shape, -1)

    def _products(self, z: Tensor) -> Tensor:
        """Return ``P z~`` of all heads, ``[G, H, R, B]``."""
        products = torch.baddbmm(self._flat[:, :, -1:], self._flat[:, :, :-1], z.transpose(1, 2))
        return products.view(*self.weights.shape[:3], -1)


def _of_rows(subject: Tensor, rows: Tensor) -> Tensor:
    """Return the people of rows ``[G, ...]``, of which each set may number people in its own way."""
    if subject.dim() == 1:
        return subject[rows]
    return subject.gather(1, rows.flatten(1)).view(rows.shape)


def epoch_order(length: int, batch_size: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which every training loop visits so many samples in one epoch.

    Args:
        length: number of samples.
        batch_size: samples a step.
        seed: of the run.
        epoch: number of the pass, from 1.
    """
    batches = EpochBatches(length, batch_size, seed, shuffle=True)
    batches.epoch = epoch
    return torch.tensor([place for batch in batches for place in batch])
