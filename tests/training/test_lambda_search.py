"""The search over (lambda_0, lambda_1): many PENs in step are the same as each one alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pen_mobile.models.heads import ExpertHead, SharedHead
from pen_mobile.models.losses import affect_loss, gate_loss, source_loss
from pen_mobile.models.optimizers import make_optimizer
from pen_mobile.training.batches import EpochBatches
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.lambda_search import PAPER_GRID, SourceSamples, search_lambdas

PEOPLE, SIZE = 3, 5
CONFIG = LearningConfig(optimizer="adam", head_epochs=2, joint_epochs=3, patience=5, batch_size=8, seed=3)


@pytest.fixture
def samples() -> SourceSamples:
    """60 rows of 3 people who mean different things by the same features."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, SIZE)).astype(np.float32)
    subject = np.arange(60) % PEOPLE
    z[:, 0] += 2 * subject
    slopes = rng.normal(size=(PEOPLE, SIZE, 2)) * 0.2
    affect = np.clip(np.einsum("nd,ndk->nk", z, slopes[subject]), -1, 1).astype(np.float32)
    rows = rng.permutation(60)
    return SourceSamples(
        *(torch.from_numpy(values) for values in (z, affect, subject)), np.sort(rows[:48]), np.sort(rows[48:])
    )


def shared_head() -> SharedHead:
    torch.manual_seed(0)
    return SharedHead(SIZE)


def alone(samples: SourceSamples, lambda_0: float, lambda_1: float) -> tuple[float, int]:
    """One PEN by the module and the losses of source learning: smallest held-out Eq. 5, and in which epoch."""
    training = torch.from_numpy(samples.training)

    def one_epoch(module: nn.Module, loss: object, optimizer: torch.optim.Optimizer, epoch: int) -> None:
        batches = EpochBatches(len(training), CONFIG.batch_size, CONFIG.seed, shuffle=True)
        batches.epoch = epoch
        for places in batches:
            optimizer.zero_grad()
            loss(training[places]).backward()  # type: ignore[operator]
            optimizer.step()

    gate = nn.Linear(SIZE, PEOPLE)
    nn.init.zeros_(gate.weight)
    nn.init.zeros_(gate.bias)
    optimizer = make_optimizer("adam", gate.parameters())

    def of_gate(rows: Tensor) -> Tensor:
        return gate_loss(gate(samples.features[rows]), samples.subject[rows], lambda_1)

    for epoch in range(CONFIG.head_epochs):
        one_epoch(gate, of_gate, optimizer, epoch)
    head = ExpertHead.from_layers(gate, [shared_head()] * PEOPLE)
    optimizer = make_optimizer("adam", head.parameters())

    def of_head(rows: Tensor) -> Tensor:
        output = head(samples.features[rows])
        return source_loss(output, samples.affect[rows], samples.subject[rows], lambda_0, lambda_1)

    losses = [float(affect_loss(head(samples.features[samples.held_out]).affect, samples.affect[samples.held_out]))]
    for epoch in range(1, CONFIG.joint_epochs + 1):
        one_epoch(head, of_head, optimizer, CONFIG.head_epochs + epoch)
        estimate = head(samples.features[samples.held_out]).affect
        losses.append(float(affect_loss(estimate, samples.affect[samples.held_out])))
    return min(losses), int(np.argmin(losses))


def test_every_pair_is_as_if_learned_alone(samples: SourceSamples) -> None:
    found = search_lambdas(samples, shared_head(), CONFIG, grid=(0.0, 1e-3, 10.0))
    assert len(found) == 9
    for candidate in found:
        loss, epoch = alone(samples, candidate.lambda_0, candidate.lambda_1)
        assert candidate.loss == pytest.approx(loss, rel=1e-4)
        assert candidate.epoch == epoch


def test_the_best_comes_first(samples: SourceSamples) -> None:
    """The paper's grid has eight values, 0 among them: 64 pairs."""
    losses = [candidate.loss for candidate in search_lambdas(samples, shared_head(), CONFIG)]
    assert len(losses) == len(PAPER_GRID) ** 2 == 64
    assert losses == sorted(losses)


def test_the_same_seed_gives_the_same_choice(samples: SourceSamples) -> None:
    one, two = (search_lambdas(samples, shared_head(), CONFIG, grid=(0.0, 1.0)) for _ in range(2))
    assert [candidate.as_json() for candidate in one] == [candidate.as_json() for candidate in two]
