"""Target adaptation (Eq. 8) of many heads side by side, each as if it were alone.

A protocol trains dozens of small heads on the same features: s-PEN and t-PEN on pooled people, one head
a person, and so on. One head at a time spends its time in calls, not in arithmetic. Here heads that
read the same rows share one gather and one product, and sets of rows with equally many batches an epoch step together.

The shared head SN is a mixture of one: an expert head with n_s = 1, whose softmax is always 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.models.losses import LossConvention, LossTerms
from pen_mobile.models.optimizers import OptimizerName
from pen_mobile.training.batched_optimizers import batched_optimizer
from pen_mobile.training.feature_scaling import FeatureScaling
from pen_mobile.training.head_batch import HeadBatch, HeadSamples, epoch_order
from pen_mobile.training.head_kernels import TermFactors
from pen_mobile.utils.validation import Count, NotNegative, Positive, Seed

_TOGETHER = 2**19  # weights that step together: more would push the optimizer's slots out of the cache


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class AdaptationSettings:
    """How to adapt to a target person's labels by gradient steps.

    Attributes:
        optimizer, learning_rate: see :mod:`pen_mobile.models.optimizers`; None is the optimizer's default.
        lambda_1: weight of the gate's sparsity (Eq. 8).
        loss_convention: how the sums of Eq. 8 are meant (see :mod:`pen_mobile.models.losses`).
        batch_size: samples a step; the last batch of an epoch may be shorter.
        epochs: passes over the samples, unless ``steps`` is given.
        steps: this many optimizer steps, whatever the number of samples.
        seed: decides the order of samples in every epoch.
        scaling: steps are taken on features standardised so (:mod:`pen_mobile.training.feature_scaling`); None takes
            features as they are.
    """

    optimizer: OptimizerName = "adadelta"
    learning_rate: Positive | None = None
    lambda_1: NotNegative = 1e-3
    batch_size: Count = 32
    epochs: Count = 30
    steps: Count | None = None
    seed: Seed = 0
    loss_convention: LossConvention = "paper"
    scaling: FeatureScaling | None = None


@torch.no_grad()
def adapt_batched(
    heads: Tensor,
    features: Tensor,
    affect: Tensor,
    rows: Sequence[Tensor],
    settings: AdaptationSettings,
    *,
    only: slice | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Minimise Eq. 8 for M heads of one size, each on its own rows of shared samples.

    Every head ends as it would alone: the order of its batches depends on the seed, the number of
    its rows and the epoch only, so heads with the same rows see the same batches. Of the weights at the start
    and after every epoch (with ``steps``: every ``ceil(N / B)`` steps, and at the end) those with
    the smallest Eq. 8 over the head's own rows are returned; a loss that is not finite is never the smallest.

    Args:
        heads: head parameters to start from, ``[M, n_s (1 + K), D_z + 1]``; not changed.
        features: z of all samples, ``[N, D_z]``, same dtype as ``heads``; may be memory-mapped and read-only.
        affect: labels of all samples, ``[N, K]``.
        rows: for each head the int64 row numbers that it learns from; none returns the head as it is.
        settings: optimizer, epochs, and so on.
        only: rows of a head that may change, such as ``slice(0, n_s)`` for the gate; None is all.
        device: where to compute.

    Returns:
        The adapted heads, of the shape and on the device of ``heads``.

    Raises:
        BadInput: shapes that do not fit together, or rows that do not exist.
    """
    rows = [chosen.cpu().long() for chosen in rows]
    _check(heads, features, affect, rows)
    samples = HeadSamples(features, affect.to(heads.dtype), scaling=settings.scaling).to(device)
    adapted = heads.clone()
    for members in _groups(rows, settings.batch_size, heads[0].numel() if len(heads) else 0):
        index = torch.tensor(members)
        group = _Adaptation(heads[index].to(device), samples, [rows[same[0]] for same in members], settings, only)
        group.run()
        adapted[index.flatten()] = group.heads.as_given(group.best).flatten(0, 1).to(adapted.device)
    return adapted


def _check(heads: Tensor, features: Tensor, affect: Tensor, rows: Sequence[Tensor]) -> None:
    if affect.ndim != 2 or len(affect) != len(features):
        raise BadInput(f"affect must be [{len(features)}, K], not {list(affect.shape)}")
    targets = affect.shape[1]
    if heads.ndim != 3 or heads.shape[1] % (1 + targets) or len(heads) != len(rows):
        shape = f"[{len(rows)}, {1 + targets} n_s, D_z + 1]"
        raise BadInput(f"{len(rows)} sets of rows need heads {shape}, not {list(heads.shape)}")
    if features.ndim != 2 or features.shape[1] + 1 != heads.shape[2] or features.dtype != heads.dtype:
        width = heads.shape[2] - 1
        raise BadInput(f"features must be {heads.dtype} [N, {width}], not {features.dtype} {list(features.shape)}")
    if any(len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < len(features) for chosen in rows):
        raise BadInput(f"row numbers must be between 0 and {len(features) - 1}")


def _groups(rows: Sequence[Tensor], batch_size: int, weights: int) -> Iterator[list[list[int]]]:
    """Yield numbers of heads ``[G][H]`` that can step together: H on the same rows, G with as many batches."""
    readers: dict[bytes, list[int]] = {}
    for head, chosen in enumerate(rows):
        if len(chosen):
            readers.setdefault(chosen.numpy().tobytes(), []).append(head)
    alike: dict[tuple[int, int], list[list[int]]] = {}
    for same in readers.values():
        batches = -(-len(rows[same[0]]) // batch_size)
        alike.setdefault((batches, len(same)), []).append(same)
    for (_, together), groups in alike.items():
        size = max(1, _TOGETHER // (together * weights))
        for first in range(0, len(groups), size):
            yield groups[first : first + size]


class _Adaptation:
    """Heads that adapt together.

    Attributes:
        best: weights with the smallest Eq. 8 so far, ``[G, H, R, D_z + 1]``.
        best_loss: their Eq. 8, ``[G, H]``.
    """

    def __init__(
        self,
        heads: Tensor,
        samples: HeadSamples,
        rows: list[Tensor],
        settings: AdaptationSettings,
        only: slice | None = None,
    ) -> None:
        self.rows, self.settings = rows, settings
        targets = samples.affect.shape[1]
        expert_count = heads.shape[2] // (1 + targets)
        terms = LossTerms.of(
            0.0, settings.lambda_1, settings.loss_convention, expert_count=expert_count, target_count=targets
        )
        factors = TermFactors.of([terms] * heads.shape[1], heads)
        self.heads = HeadBatch(heads, samples, expert_count, factors)
        self.optimizer = batched_optimizer(settings.optimizer, self.heads.flat_weights(), settings.learning_rate)
        self.trained = None
        if only is not None:
            self.trained = torch.zeros_like(heads[0, 0, :, :1])
            self.trained[only] = 1
        self.best = self.heads.weights.clone()
        self.best_loss = torch.full(heads.shape[:2], torch.inf, dtype=torch.float64, device=heads.device)

    def run(self) -> None:
        """Take all steps and keep the best weights."""
        self._keep_better()
        left = self.settings.steps
        for epoch in range(1, self.settings.epochs + 1) if left is None else count(1):
            steps = 0
            for batch in islice(self.heads.epoch(self._orders(epoch), self.settings.batch_size), left):
                self.heads.step(batch, self.optimizer, self.trained)
                steps += 1
            self._keep_better()
            left = None if left is None else left - steps
            if left == 0:
                return

    def _orders(self, epoch: int) -> list[Tensor]:
        size, seed = self.settings.batch_size, self.settings.seed
        orders = {length: epoch_order(length, size, seed, epoch) for length in set(map(len, self.rows))}
        return [chosen[orders[len(chosen)]] for chosen in self.rows]

    def _keep_better(self) -> None:
        """Measure Eq. 8 over all rows and remember the weights of heads that have never been better."""
        loss = self.heads.losses(self.rows)
        better = loss < self.best_loss  # False where the loss is not a number
        self.best_loss[better] = loss[better]
        self.best[better] = self.heads.weights[better]
