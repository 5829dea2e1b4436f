"""Target adaptation (Eq. 8) of many heads side by side, each as if it were alone.

A protocol trains dozens of small heads on the same features: s-PEN and t-PEN on pooled people, one
head a person, and so on. One head at a time spends its time in calls, not in arithmetic. Here heads that
read the same rows share one gather and one product ``[B, D_z] x [D_z, H 3 n_s]``, and sets of rows
with equally many batches an epoch step together in one ``bmm``. The gradient is written out by hand.

The shared head SN is a mixture of one: an expert head with n_s = 1, whose softmax is always 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from typing import NamedTuple

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.training.batches import EpochBatches
from pen_mobile.utils.validation import Count, NotNegative, Positive, Seed

_LOOK = 512  # samples of each set of rows that are gathered at once to measure the loss
_TOGETHER = (
    2**19
)  # weights of a batch of heads: more would push its optimizer's slots out of the cache, and gain nothing


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AdaptationSettings:
    """How to adapt to a target person's labels by gradient steps.

    Attributes:
        optimizer, learning_rate: see :mod:`pen_mobile.models.optimizers`; None is the optimizer's default.
        lambda_1: weight of the gate's sparsity (Eq. 8).
        batch_size: samples a step; the last batch of an epoch may be shorter.
        epochs: passes over the samples, unless ``steps`` is given.
        steps: this many optimizer steps, whatever the number of samples.
        seed: decides the order of samples in every epoch.
    """

    optimizer: OptimizerName = "adadelta"
    learning_rate: Positive | None = None
    lambda_1: NotNegative = 1e-3
    batch_size: Count = 32
    epochs: Count = 30
    steps: Count | None = None
    seed: Seed = 0


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
        heads: head parameters to start from, ``[M, 3 n_s, D_z + 1]``; not changed.
        features: z of all samples, ``[N, D_z]``, same dtype as ``heads``; may be memory-mapped and read-only.
        affect: valence and arousal of all samples, ``[N, 2]``.
        rows: for each head the int64 row numbers that it learns from; none returns the head as it is.
        only: rows of a head that may change, such as ``slice(0, n_s)`` for the gate; None is all.
        device: where to compute.

    Returns:
        The adapted heads, ``[M, 3 n_s, D_z + 1]``, on the device of ``heads``.

    Raises:
        BadInput: shapes that do not fit together, or rows that do not exist.
    """
    rows = [chosen.cpu().long() for chosen in rows]
    _check(heads, features, affect, rows)
    samples = _Samples(features.to(device), affect.to(device, heads.dtype))
    adapted = heads.clone()
    for members in _head_batches(rows, settings.batch_size, heads[0].numel() if len(heads) else 0):
        index = torch.tensor(members)
        batch = _HeadBatch(heads[index].to(device), samples, [rows[same[0]] for same in members], settings, only)
        batch.train()
        adapted[index.flatten()] = batch.best.flatten(0, 1).to(adapted.device)
    return adapted


def _check(heads: Tensor, features: Tensor, affect: Tensor, rows: Sequence[Tensor]) -> None:
    if heads.ndim != 3 or heads.shape[1] % 3 or len(heads) != len(rows):
        raise BadInput(f"{len(rows)} sets of rows need heads [{len(rows)}, 3 n_s, D_z + 1], not {list(heads.shape)}")
    if features.ndim != 2 or features.shape[1] + 1 != heads.shape[2] or features.dtype != heads.dtype:
        width = heads.shape[2] - 1
        raise BadInput(f"features must be {heads.dtype} [N, {width}], not {features.dtype} {list(features.shape)}")
    if affect.shape != (len(features), 2):
        raise BadInput(f"affect must be [{len(features)}, 2], not {list(affect.shape)}")
    if any(len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < len(features) for chosen in rows):
        raise BadInput(f"row numbers must be between 0 and {len(features) - 1}")


def _head_batches(rows: Sequence[Tensor], batch_size: int, weights: int) -> Iterator[list[list[int]]]:
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


class _Samples(NamedTuple):
    """All features ``[N, D_z]`` and labels ``[N, 2]``."""

    features: Tensor
    affect: Tensor


class _Batches(NamedTuple):
    """K batches for G sets of rows, in order.

    Attributes:
        rows: row numbers, ``[K, G, B]``; a short batch is padded with a row of the same set.
        affect: their labels, ``[K, G, 1, 2, B]``.
        weight: 1, or 0 where padded, ``[K, G, 1, B]``.
    """

    rows: Tensor
    affect: Tensor
    weight: Tensor

    @classmethod
    def cut(cls, orders: Sequence[Tensor], size: int, samples: _Samples) -> _Batches:
        """Cut one order of rows for each set into batches of ``size``."""
        number = -(-max(map(len, orders)) // size)
        padded = torch.stack([torch.cat([order, order[:1].expand(number * size - len(order))]) for order in orders])
        lengths = torch.tensor([len(order) for order in orders])
        weight = torch.arange(number * size) < lengths[:, None]
        rows = padded.view(len(orders), number, size).transpose(0, 1).to(samples.affect.device)
        weight = weight.view(len(orders), number, 1, size).transpose(0, 1).to(samples.affect)
        return cls(rows, samples.affect[rows].transpose(2, 3).unsqueeze(2), weight)


class _Mixture(NamedTuple):
    """Eqs. 1-3: h and c ``[G, H, n_s, B]``, what experts say ``[G, H, n_s, 2, B]`` and together ``[G, H, 2, B]``."""

    logits: Tensor
    gate: Tensor
    experts: Tensor
    affect: Tensor


def _mix(products: Tensor) -> _Mixture:
    """Split and mix the products ``P z~`` of a batch, ``[G, H, 3 n_s, B]``: samples last, where they are fastest."""
    groups, heads, rows, size = products.shape
    logits = products[:, :, : rows // 3]
    experts = products[:, :, rows // 3 :].view(groups, heads, rows // 3, 2, size)
    gate = torch.softmax(logits, dim=2)
    return _Mixture(logits, gate, experts, (gate.unsqueeze(3) * experts).sum(dim=2))


def _loss(products: Tensor, affect: Tensor, share: Tensor, lambda_1: float) -> Tensor:
    """Eq. 8 of every head ``[G, H]``; a sample counts by its ``share`` ``[G, 1, B]``."""
    mixture = _mix(products)
    squared = (mixture.affect - affect).square().sum(dim=2)
    absolute = mixture.logits.abs().sum(dim=2)
    return (share * (squared + lambda_1 * absolute)).double().sum(dim=2)


def _gradient(products: Tensor, affect: Tensor, share: Tensor, lambda_1: float) -> Tensor:
    r"""Derivative of Eq. 8 by the products ``[G, H, 3 n_s, B]``, with a sample's share w ``[G, 1, B]``.

    It is ``dL/dy_i^e = 2 w c_i (y~ - y)`` and ``dL/dh_i = c_i (u_i - \sum_k c_k u_k) + w lambda_1 sign(h_i)``,
    where ``u_i = 2 w (y~ - y)^T y_i^e``.
    """
    logits, gate, experts, estimate = _mix(products)
    share = share.unsqueeze(2)
    to_affect = ((estimate - affect) * (2 * share)).unsqueeze(2)
    to_experts = gate.unsqueeze(3) * to_affect
    through_gate = gate * (experts * to_affect).sum(dim=3)
    to_logits = through_gate - gate * through_gate.sum(dim=2, keepdim=True)
    to_logits += logits.sign() * (lambda_1 * share)
    return torch.cat([to_logits, to_experts.flatten(2, 3)], dim=2)


class _Adadelta:
    """Zeiler 2012 in eight passes over the weights; ``torch.optim`` takes eleven and twice as long.

    Both slots are kept divided by 1 - rho, which cancels in their ratio, and with eps inside:
    ``a' = (a + eps) / (1 - rho)`` follows ``a' <- rho a' + g^2 + eps``.
    """

    def __init__(self, weights: Tensor, rate: float) -> None:
        constants = OPTIMIZERS["adadelta"].constants
        self.rho, self.rate = constants["rho"], rate
        self.eps = weights.new_tensor(constants["eps"])
        self.squares = torch.full_like(weights, constants["eps"] / (1 - self.rho))
        self.steps, self.change = self.squares.clone(), torch.empty_like(weights)

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        torch.add(self.eps, self.squares, alpha=self.rho, out=self.squares).addcmul_(gradient, gradient)
        torch.div(self.steps, self.squares, out=self.change).sqrt_().mul_(gradient)
        torch.add(self.eps, self.steps, alpha=self.rho, out=self.steps).addcmul_(self.change, self.change)
        weights.sub_(self.change, alpha=self.rate)


class _Sgd:
    """Descent with momentum."""

    def __init__(self, weights: Tensor, rate: float) -> None:
        self.momentum, self.rate = OPTIMIZERS["sgd"].constants["momentum"], rate
        self.velocity = torch.zeros_like(weights)

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        weights.sub_(self.velocity.mul_(self.momentum).add_(gradient), alpha=self.rate)


class _Adam:
    """Kingma & Ba 2015, with bias correction."""

    def __init__(self, weights: Tensor, rate: float) -> None:
        constants = OPTIMIZERS["adam"].constants
        self.beta1, self.beta2, self.eps, self.rate = constants["beta1"], constants["beta2"], constants["eps"], rate
        self.average, self.squares = torch.zeros_like(weights), torch.zeros_like(weights)
        self.size, self.step = torch.empty_like(weights), 0

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        self.step += 1
        self.average.lerp_(gradient, 1 - self.beta1)
        self.squares.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        torch.sqrt(self.squares, out=self.size).mul_((1 - self.beta2**self.step) ** -0.5).add_(self.eps)
        weights.addcdiv_(self.average, self.size, value=-self.rate / (1 - self.beta1**self.step))


# In place and element by element, so heads side by side are treated as if each had an optimizer of its own.
_OPTIMIZERS: dict[OptimizerName, type[_Adadelta | _Sgd | _Adam]] = {"adadelta": _Adadelta, "sgd": _Sgd, "adam": _Adam}


class _HeadBatch:
    """Heads that step together: G sets of rows with equally many batches, H heads on each.

    Attributes:
        best: weights with the smallest Eq. 8 so far, ``[G, H, 3 n_s, D_z + 1]``.
    """

    def __init__(
        self, heads: Tensor, samples: _Samples, rows: list[Tensor], settings: AdaptationSettings, only: slice | None
    ) -> None:
        self.samples, self.rows, self.settings = samples, rows, settings
        self.shape = heads.shape
        self.head_parameters = heads.flatten(1, 2).clone(memory_format=torch.contiguous_format)
        self.gradient = torch.empty_like(self.head_parameters)
        default = OPTIMIZERS[settings.optimizer].learning_rate
        self.optimizer = _OPTIMIZERS[settings.optimizer](self.head_parameters, settings.learning_rate or default)
        self.trained = torch.zeros_like(heads[0, 0, :, :1])
        self.trained[only or slice(None)] = 1
        self.best = heads.clone()
        self.best_loss = torch.full(heads.shape[:2], torch.inf, dtype=torch.float64, device=heads.device)
        self.in_order = _Batches.cut(rows, min(_LOOK, max(map(len, rows))), samples)
        self.buffers: dict[int, Tensor] = {}

    def train(self) -> None:
        """Take all steps and keep the best weights."""
        self._keep_better()
        left = self.settings.steps
        for epoch in range(1, self.settings.epochs + 1) if left is None else count(1):
            batches = self._shuffled(epoch)
            share = batches.weight / batches.weight.sum(dim=3, keepdim=True)
            for batch in islice(zip(batches.rows, batches.affect, share, strict=True), left):
                self._step(*batch)
            self._keep_better()
            left = None if left is None else max(left - len(share), 0)
            if left == 0:
                return

    def _shuffled(self, epoch: int) -> _Batches:
        orders = {len(chosen): _order(len(chosen), self.settings, epoch) for chosen in self.rows}
        shuffled = [chosen[orders[len(chosen)]] for chosen in self.rows]
        return _Batches.cut(shuffled, self.settings.batch_size, self.samples)

    def _step(self, rows: Tensor, affect: Tensor, share: Tensor) -> None:
        z = self._gather(rows)
        to_products = _gradient(self._products(z), affect, share, self.settings.lambda_1) * self.trained
        to_rows = to_products.flatten(1, 2)
        torch.bmm(to_rows, z, out=self.gradient[:, :, :-1])
        self.gradient[:, :, -1] = to_rows.sum(dim=2)
        self.optimizer.update(self.head_parameters, self.gradient)

    def _keep_better(self) -> None:
        """Measure Eq. 8 over all rows and remember the weights of heads that have never been better."""
        batches = self.in_order
        share = batches.weight / batches.weight.sum(dim=(0, 3), keepdim=True)
        loss = torch.zeros_like(self.best_loss)
        for rows, affect, part in zip(batches.rows, batches.affect, share, strict=True):
            loss += _loss(self._products(self._gather(rows)), affect, part, self.settings.lambda_1)
        better = loss < self.best_loss  # False where the loss is not a number
        self.best_loss[better] = loss[better]
        self.best[better] = self.head_parameters.view(self.shape)[better]

    def _gather(self, rows: Tensor) -> Tensor:
        """Return z ``[G, B, D_z]``, which the next call with the same B overwrites."""
        features = self.samples.features
        buffer = self.buffers.get(rows.shape[1])
        if buffer is None:
            buffer = self.buffers[rows.shape[1]] = features.new_empty(rows.numel(), features.shape[1])
        torch.index_select(features, 0, rows.flatten(), out=buffer)
        return buffer.view(*rows.shape, -1)

    def _products(self, z: Tensor) -> Tensor:
        """Return ``P z~`` of all heads, ``[G, H, 3 n_s, B]``."""
        products = torch.baddbmm(self.head_parameters[:, :, -1:], self.head_parameters[:, :, :-1], z.transpose(1, 2))
        return products.view(*self.shape[:3], -1)


def _order(length: int, settings: AdaptationSettings, epoch: int) -> Tensor:
    """Return the order in which source learning would visit as many samples in this epoch."""
    batches = EpochBatches(length, settings.batch_size, settings.seed, shuffle=True)
    batches.epoch = epoch
    return torch.tensor(list(chain.from_iterable(batches)))
