"""The choice of (lambda_0, lambda_1) of Eq. 4: the paper's grid, compared on held-out rows (Section 4).

Every pair is one PEN, learned by the same stages as source learning, all of them side by side from the same batches.
The pair with the smallest Eq. 5 on the held-out rows wins: Eq. 4 of different pairs cannot be compared.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from pen_mobile.metrics import Agreement, agreement
from pen_mobile.models.heads import ExpertHead
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import Lambdas, SourceSplits, gate_stage
from pen_mobile.training.stage_log import StageLog
from pen_mobile.utils.progress import SILENT, Progress

PAPER_GRID = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""The values tried for both: ``{1e-4, 1e-3, ..., 0, 1, 10, 100}``."""

_MOST_ROWS = 10_000


@dataclass(frozen=True)
class LambdaCandidate:
    """One pair and its PEN on the held-out rows.

    Attributes:
        lambda_0, lambda_1: weights of the selector loss and of the gate's sparsity.
        loss: Eq. 5 on the held-out rows, at the epoch that source learning would keep.
        epoch: that epoch; 0 is the start.
        validation: agreement with the held-out rows there.
    """

    lambda_0: float
    lambda_1: float
    loss: float
    epoch: int
    validation: Agreement


def search_lambdas(
    splits: SourceSplits,
    shared: ExpertHead,
    config: LearningConfig,
    grid: tuple[float, ...] = PAPER_GRID,
    progress: Progress = SILENT,
) -> list[LambdaCandidate]:
    """Learn one PEN for every pair of the grid and return them, the best first.

    Args:
        splits: one split; at most 10,000 of its training rows are used, drawn by the seed.
        shared: s-SN as a mixture of one.
        config: settings of source learning, but for its lambdas.
        grid: values of both lambdas.
        progress: listener.
    """
    splits = replace(splits, training=[_some(splits.training[0], config.seed)])
    pairs: list[Lambdas] = list(product(grid, grid))
    gates, _ = train_heads(gate_stage(splits, config, [(0.0, value) for value in grid]), progress=progress)
    of_pairs = gates[:, [grid.index(lambda_1) for _, lambda_1 in pairs]]
    start = shared.head_parameters.detach()[None, None]
    heads, logs = train_heads(expert_stage(splits, config, pairs, start, of_pairs), progress=progress)
    return sorted(_candidates(splits, pairs, heads[0], logs[0]), key=lambda one: one.loss)


def _some(rows: Tensor, seed: int) -> Tensor:
    order = np.random.default_rng([seed, 4]).permutation(len(rows))[:_MOST_ROWS]
    return rows[torch.from_numpy(np.sort(order))]


@torch.no_grad()
def _candidates(
    splits: SourceSplits, pairs: list[Lambdas], heads: Tensor, logs: list[StageLog]
) -> list[LambdaCandidate]:
    """Compare every pair's best epoch with the labels of the held-out rows."""
    rows = splits.validation[0]
    z, labels = splits.samples.features[rows], splits.samples.affect[rows].numpy()
    head = ExpertHead(splits.feature_size, splits.expert_count, splits.target_count)
    found = []
    for pair, parameters, log in zip(pairs, heads, logs, strict=True):
        head.head_parameters.copy_(parameters)
        estimate = head(z).affect.numpy()
        loss = float(np.square(estimate.astype(np.float64) - labels).sum(axis=1).mean())
        found.append(LambdaCandidate(*pair, loss, log.best_epoch, agreement(estimate, labels)))
    return found
