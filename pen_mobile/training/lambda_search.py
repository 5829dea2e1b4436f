"""Which (lambda_0, lambda_1) of Eq. 4: the paper's grid, judged on held-out rows of source people (Section 4).

Every pair is one PEN; all of them learn side by side from the same batches, so that their products with z
are one. The pair with the smallest Eq. 5 on the held-out rows wins, for Eq. 4 of different pairs is not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pen_mobile.data.table import FeatureTable
from pen_mobile.metrics import Agreement, agreement
from pen_mobile.models.heads import SharedHead
from pen_mobile.models.optimizers import make_optimizer
from pen_mobile.training.batches import EpochBatches
from pen_mobile.training.config import LearningConfig
from pen_mobile.types import Rows
from pen_mobile.utils.progress import SILENT, Progress, Task

PAPER_GRID = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""The values tried for both: ``{1e-4, 1e-3, ..., 0, 1, 10, 100}``."""

_MOST_ROWS = 10_000


@dataclass(frozen=True)
class LambdaCandidate:
    """One pair and how its PEN did.

    Attributes:
        lambda_0, lambda_1: weights of the selector loss and of the gate's sparsity.
        loss: Eq. 5 on the held-out rows, of the best epoch.
        epoch: which one that was; 0 is the start.
        validation: agreement with the held-out rows then.
    """

    lambda_0: float
    lambda_1: float
    loss: float
    epoch: int
    validation: Agreement


@dataclass(frozen=True, eq=False)
class SourceSamples:
    """Features ``[N, D_z]``, labels ``[N, 2]`` and people's indices ``[N]`` of source people, in two parts.

    Attributes:
        training, held_out: row numbers.
    """

    features: Tensor
    affect: Tensor
    subject: Tensor
    training: Rows
    held_out: Rows

    @classmethod
    def of(cls, table: FeatureTable, halves: tuple[Rows, Rows]) -> SourceSamples:
        """Return the samples of a table of source people's features."""
        subject = np.searchsorted(table.subjects(), table.subject)
        z, affect, people = (torch.from_numpy(values) for values in (table.features, table.affect, subject))
        return cls(z, affect, people, *halves)

    @property
    def people(self) -> int:
        """How many there are, n_s."""
        return int(self.subject.max()) + 1


def search_lambdas(
    samples: SourceSamples,
    shared: SharedHead,
    config: LearningConfig,
    grid: tuple[float, ...] = PAPER_GRID,
    progress: Progress = SILENT,
) -> list[LambdaCandidate]:
    """Learn one PEN for every pair of the grid and return them, the best first.

    As in source learning, every gate is first learned alone (with its lambda_1), experts start from the
    shared head, and both learn jointly until the held-out loss of no pair has improved for ``patience`` epochs.

    Args:
        samples: at most 10,000 of the training rows are used, drawn by the seed.
        shared: s-SN.
        config: optimizer, epochs, patience, batch size and seed are used.
        grid: values of both lambdas.
        progress: who is told how far it is.
    """
    search = _Search(samples, config)
    pairs = list(product(grid, grid))
    with progress.task("lambda_0, lambda_1", config.head_epochs + config.joint_epochs) as task:
        gates = search.gates(grid, task)
        experts = _rows(shared).expand(len(pairs), samples.people, 2, -1).reshape(len(pairs), 2 * samples.people, -1)
        gate_of = [grid.index(lambda_1) for _, lambda_1 in pairs]
        candidates = search.jointly(torch.cat([gates[gate_of], experts], dim=1), pairs, task)
    return sorted(candidates, key=lambda one: one.loss)


class _Search:
    """Many PENs in step."""

    def __init__(self, samples: SourceSamples, config: LearningConfig) -> None:
        self.samples, self.config = samples, config
        rng = np.random.default_rng([config.seed, 4])
        self.training = torch.from_numpy(np.sort(rng.permutation(samples.training)[:_MOST_ROWS]))
        self.held_out = torch.from_numpy(samples.held_out)

    def gates(self, lambdas: tuple[float, ...], task: Task) -> Tensor:
        """Return one gate for each lambda_1, learned alone on ``alpha_c + lambda_1 alpha_r``: ``[L, n_s, D_z + 1]``."""
        people, size = self.samples.people, self.samples.features.shape[1] + 1
        weight = torch.tensor(lambdas)

        def loss(outputs: Tensor, rows: Tensor) -> Tensor:
            return self._selector(outputs, rows) + weight * outputs.abs().sum(dim=2).mean(dim=0)

        gates = torch.zeros(len(lambdas), people, size, requires_grad=True)
        optimizer = make_optimizer(self.config.optimizer, [gates], self.config.learning_rate)  # type: ignore[list-item]
        for epoch in range(self.config.head_epochs):
            self._one_epoch(gates, loss, optimizer, epoch)
            task.advance(1)
        return gates.detach()

    def jointly(self, heads: Tensor, pairs: list[tuple[float, float]], task: Task) -> list[LambdaCandidate]:
        """Learn gates and experts on Eq. 4 and remember each pair's best epoch."""
        lambda_0, lambda_1 = torch.tensor(pairs).T

        def loss(outputs: Tensor, rows: Tensor) -> Tensor:
            logits, affect = self._read(outputs)
            error = (affect - self.samples.affect[rows][:, None]).square().sum(dim=2).mean(dim=0)
            sparsity = logits.abs().sum(dim=2).mean(dim=0)
            total: Tensor = error + lambda_0 * self._selector(logits, rows) + lambda_1 * sparsity
            return total

        heads = heads.clone().requires_grad_()
        optimizer = make_optimizer(self.config.optimizer, [heads], self.config.learning_rate)  # type: ignore[list-item]
        best = self._judge(heads, pairs, 0)
        for epoch in range(1, self.config.joint_epochs + 1):
            self._one_epoch(heads, loss, optimizer, self.config.head_epochs + epoch)
            found = self._judge(heads, pairs, epoch)
            best = [new if new.loss < old.loss else old for old, new in zip(best, found, strict=True)]
            task.advance(1)
            if epoch - max(one.epoch for one in best) >= self.config.patience:
                break
        return best

    def _one_epoch(self, heads: Tensor, loss: Any, optimizer: torch.optim.Optimizer, epoch: int) -> None:
        batches = EpochBatches(len(self.training), self.config.batch_size, self.config.seed, shuffle=True)
        batches.epoch = epoch
        for places in batches:
            rows = self.training[places]
            optimizer.zero_grad()
            loss(
                self._outputs(heads, rows), rows
            ).sum().backward()  # heads do not share weights: one sum, own gradients
            optimizer.step()

    def _outputs(self, heads: Tensor, rows: Tensor) -> Tensor:
        """Return all rows of all heads applied to features: ``[B, M, R]``."""
        flat = heads.flatten(0, 1)
        outputs = functional.linear(self.samples.features[rows], flat[:, :-1], flat[:, -1])
        return outputs.view(len(rows), *heads.shape[:2])

    def _read(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return gate activations ``[B, M, n_s]`` and affect ``[B, M, 2]`` (Eqs. 1 to 3)."""
        people = self.samples.people
        logits = outputs[..., :people]
        experts = outputs[..., people:].reshape(*outputs.shape[:2], people, 2)
        return logits, (logits.softmax(dim=2)[..., None] * experts).sum(dim=2)

    def _selector(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Eq. 6 of every head, ``[M]``."""
        subject = self.samples.subject[rows][:, None].expand(logits.shape[:2])
        return functional.cross_entropy(logits.movedim(2, 1), subject, reduction="none").mean(dim=0)

    @torch.no_grad()
    def _judge(self, heads: Tensor, pairs: list[tuple[float, float]], epoch: int) -> list[LambdaCandidate]:
        parts = [self._read(self._outputs(heads, rows))[1] for rows in torch.split(self.held_out, 1024)]
        affect = torch.cat(parts).double().nan_to_num(nan=1e9)
        labels = self.samples.affect[self.held_out]
        losses = (affect - labels[:, None]).square().sum(dim=2).mean(dim=0).tolist()
        return [
            LambdaCandidate(*pair, loss, epoch, agreement(affect[:, place].float().numpy(), labels.numpy()))
            for place, (pair, loss) in enumerate(zip(pairs, losses, strict=True))
        ]


def _rows(shared: SharedHead) -> Tensor:
    return torch.cat([shared.weight, shared.bias[:, None]], dim=1).detach()
