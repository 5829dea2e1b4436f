"""Whole source learning and adaptation against an implementation written from the paper alone, in plain torch.

It knows layers, autograd and the text of Adadelta, Adam and momentum; of the package it takes the order of the batches
and the rule which epoch is kept. Both conventions of the losses are compared, epoch by epoch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pen_mobile.models.heads import ExpertHead, SharedHead
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.head_batch import HeadSamples, epoch_order
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import SourceSplits, gate_stage, shared_stage

PEOPLE, SIZE, ROWS = 3, 6, 90
CONFIG = LearningConfig(
    head_epochs=4,
    joint_epochs=6,
    patience=3,
    batch_size=16,
    lambda_0=0.05,
    lambda_1=0.02,
    joint_learning_rate=0.5,
    seed=11,
)
CASES = [
    {"loss_convention": "paper"},
    {"loss_convention": "keras"},
    {"loss_convention": "paper", "optimizer": "adam", "learning_rate": 0.01, "joint_learning_rate": 0.005},
    {"loss_convention": "keras", "optimizer": "sgd", "learning_rate": 0.05, "joint_learning_rate": 0.02},
]


class Network(nn.Module):
    """The gate as one layer and every expert as another, as in Section 3.5; Eqs. 1 to 3."""

    def __init__(self, expert_count: int) -> None:
        super().__init__()
        self.gate = nn.Linear(SIZE, expert_count)
        self.experts = nn.ModuleList(nn.Linear(SIZE, 2) for _ in range(expert_count))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        h = self.gate(z)
        c = torch.softmax(h, dim=1)
        return sum(c[:, i : i + 1] * expert(z) for i, expert in enumerate(self.experts)), h  # type: ignore[return-value]

    def packed(self) -> Tensor:
        layers = [self.gate, *self.experts]
        return torch.cat([torch.cat([one.weight, one.bias[:, None]], dim=1) for one in layers]).detach()


def affect_term(estimate: Tensor, y: Tensor, convention: str) -> Tensor:
    """Eq. 5 as written; Keras' mse also divides by the two dimensions."""
    squared = (y - estimate) ** 2
    return squared.sum() / len(y) if convention == "paper" else squared.mean()


def sparsity_term(h: Tensor, convention: str) -> Tensor:
    """Eq. 7 as written; Section 3.5 takes the mean of the absolute value of the pre-activation tensor."""
    return h.abs().sum() / len(h) if convention == "paper" else h.abs().mean()


def selector_term(h: Tensor, person: Tensor) -> Tensor:
    """Eq. 6 with one-hot codes of the people."""
    return -(nn.functional.one_hot(person, PEOPLE) * torch.log_softmax(h, dim=1)).sum() / len(h)


class Adadelta:
    """Zeiler 2012, Algorithm 1, with Keras' constants and a learning rate."""

    def __init__(self, parameters: list[Tensor], rate: float) -> None:
        self.parameters, self.rate = parameters, rate
        self.squares = [torch.zeros_like(one) for one in parameters]
        self.changes = [torch.zeros_like(one) for one in parameters]

    def step(self) -> None:
        for one, square, change in zip(self.parameters, self.squares, self.changes, strict=True):
            if one.grad is None:
                continue
            square.mul_(0.95).add_(0.05 * one.grad**2)
            delta = -torch.sqrt(change + 1e-7) / torch.sqrt(square + 1e-7) * one.grad
            change.mul_(0.95).add_(0.05 * delta**2)
            one.data.add_(self.rate * delta)


def optimizer_of(network: nn.Module, name: str, rate: float | None) -> Any:
    parameters = list(network.parameters())
    if name == "adadelta":
        return Adadelta(parameters, 1.0 if rate is None else rate)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate or 1e-3)
    return torch.optim.SGD(parameters, lr=rate or 0.01, momentum=0.9)


def trained(
    network: nn.Module, loss: Any, rows: Tensor, held_out: Tensor, how: dict[str, Any], patience: int | None = None
) -> tuple[list[float], int]:
    """Train, keep the epoch with the smallest loss on the held-out rows, and return all losses and that epoch."""
    optimizer = optimizer_of(network, how["optimizer"], how["rate"])
    losses = [float(loss(held_out))]
    best, kept = 0, {key: value.clone() for key, value in network.state_dict().items()}
    for epoch in range(1, how["epochs"] + 1):
        order = rows[epoch_order(len(rows), how["batch"], how["seed"], epoch)]
        for batch in order.split(how["batch"]):
            network.zero_grad()
            loss(batch).backward()
            optimizer.step()
        losses.append(float(loss(held_out)))
        if losses[-1] < losses[best]:
            best, kept = epoch, {key: value.clone() for key, value in network.state_dict().items()}
        if patience is not None and epoch - best >= patience:
            break
    network.load_state_dict(kept)
    return losses, best


@pytest.fixture
def people() -> tuple[Tensor, Tensor, Tensor]:
    """Three people who mean different things by the same features."""
    rng = np.random.default_rng(2)
    person = np.arange(ROWS) % PEOPLE
    z = rng.normal(size=(ROWS, SIZE))
    z[:, 0] += 1.5 * person
    slopes = rng.normal(size=(PEOPLE, SIZE, 2)) * 0.3
    y = np.tanh(np.einsum("nd,ndk->nk", z, slopes[person]))
    return torch.tensor(z, dtype=torch.float32), torch.tensor(y, dtype=torch.float32), torch.tensor(person)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['loss_convention']}-{case.get('optimizer')}")
def test_source_learning_is_what_the_paper_says(people: tuple[Tensor, Tensor, Tensor], case: dict[str, Any]) -> None:
    config, (z, y, person) = replace(CONFIG, **case), people
    rows, held_out = torch.arange(ROWS)[:72], torch.arange(ROWS)[72:]
    splits = SourceSplits(HeadSamples(z, y, person), PEOPLE, [rows], [held_out])
    pair, convention = [(config.lambda_0, config.lambda_1)], config.loss_convention
    torch.manual_seed(config.seed)
    start = SharedHead(SIZE)
    shared = train_heads(shared_stage(splits, config, ExpertHead.of_shared(start).head_parameters.detach()))
    gate = train_heads(gate_stage(splits, config, pair))
    experts = train_heads(expert_stage(splits, config, pair, shared[0], gate[0]))

    how = {"optimizer": config.optimizer, "rate": config.learning_rate, "batch": config.batch_size, "seed": config.seed}
    first = Network(1)
    first.experts[0].load_state_dict(start.state_dict())
    nn.init.zeros_(first.gate.weight)
    nn.init.zeros_(first.gate.bias)
    alone = first.experts[0]
    losses, best = trained(
        alone, lambda at: affect_term(alone(z[at]), y[at], convention), rows, held_out, how | {"epochs": 4}
    )
    compare(shared, losses, best, first.packed())

    network = Network(PEOPLE)
    for expert in network.experts:
        expert.load_state_dict(alone.state_dict())
    torch.manual_seed(config.seed)
    bound = (6 / (SIZE + PEOPLE)) ** 0.5  # Glorot uniform
    nn.init.uniform_(network.gate.weight, -bound, bound)
    nn.init.zeros_(network.gate.bias)
    losses, best = trained(
        network.gate,
        lambda at: (
            selector_term(network.gate(z[at]), person[at])
            + config.lambda_1 * sparsity_term(network.gate(z[at]), convention)
        ),
        rows,
        held_out,
        how | {"epochs": 4},
    )
    compare(gate, losses, best, network.packed()[:PEOPLE])

    def joint(at: Tensor) -> Tensor:
        estimate, h = network(z[at])
        selector = config.lambda_0 * selector_term(h, person[at])
        return affect_term(estimate, y[at], convention) + selector + config.lambda_1 * sparsity_term(h, convention)

    rate = {"rate": config.joint_step_size, "epochs": 6}
    losses, best = trained(network, joint, rows, held_out, how | rate, patience=config.patience)
    compare(experts, losses, best, network.packed())
    adapt(network, z, y, config)


def compare(found: Any, losses: list[float], best: int, parameters: Tensor) -> None:
    log = found[1][0][0]
    assert [epoch.validation_loss for epoch in log.epochs] == pytest.approx(losses, rel=1e-4)
    assert log.best_epoch == best
    torch.testing.assert_close(found[0][0, 0], parameters, rtol=0, atol=1e-5)


def adapt(network: Network, z: Tensor, y: Tensor, config: LearningConfig) -> None:
    """Adapt to the labels of somebody else by Eq. 8, without names, from the source model and by the same loss."""
    labels, rows, convention = y.flip(0), torch.arange(40), config.loss_convention
    settings = AdaptationSettings(
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        lambda_1=config.lambda_1,
        loss_convention=convention,
        batch_size=config.batch_size,
        epochs=3,
        seed=config.seed,
    )
    adapted = adapt_batched(network.packed()[None], z, labels, [rows], settings)[0]

    def eq_8(at: Tensor) -> Tensor:
        estimate, h = network(z[at])
        return affect_term(estimate, labels[at], convention) + config.lambda_1 * sparsity_term(h, convention)

    how = {"optimizer": config.optimizer, "rate": config.learning_rate, "batch": config.batch_size, "seed": config.seed}
    trained(network, eq_8, rows, rows, how | {"epochs": 3})
    torch.testing.assert_close(adapted, network.packed(), rtol=0, atol=1e-5)
