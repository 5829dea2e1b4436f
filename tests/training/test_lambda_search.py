"""The search over (lambda_0, lambda_1): many PENs in step are the same as each one alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pen_mobile.models.heads import ExpertHead, SharedHead
from pen_mobile.models.losses import affect_loss
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.head_batch import HeadSamples
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.lambda_search import PAPER_GRID, search_lambdas
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import SourceSplits, gate_stage

PEOPLE, SIZE = 3, 5
CONFIG = LearningConfig(optimizer="adam", head_epochs=2, joint_epochs=3, patience=5, batch_size=8, seed=3)


@pytest.fixture
def splits() -> SourceSplits:
    """60 rows of 3 people who mean different things by the same features."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, SIZE)).astype(np.float32)
    subject = np.arange(60) % PEOPLE
    z[:, 0] += 2 * subject
    slopes = rng.normal(size=(PEOPLE, SIZE, 2)) * 0.2
    affect = np.clip(np.einsum("nd,ndk->nk", z, slopes[subject]), -1, 1).astype(np.float32)
    rows = rng.permutation(60)
    samples = HeadSamples(*(torch.from_numpy(values) for values in (z, affect, subject)))
    halves = ([torch.from_numpy(np.sort(part))] for part in (rows[:48], rows[48:]))
    return SourceSplits(samples, PEOPLE, *halves)


def shared_head() -> ExpertHead:
    torch.manual_seed(0)
    return ExpertHead.of_shared(SharedHead(SIZE))


def alone(splits: SourceSplits, lambda_0: float, lambda_1: float) -> tuple[Tensor, int]:
    """Return what source learning makes of one pair: its head, and the epoch that it keeps."""
    pair = [(lambda_0, lambda_1)]
    gates, _ = train_heads(gate_stage(splits, CONFIG, pair))
    start = shared_head().head_parameters.detach()[None, None]
    heads, logs = train_heads(expert_stage(splits, CONFIG, pair, start, gates))
    return heads[0, 0], logs[0][0].best_epoch


def test_every_pair_is_as_source_learning_makes_it(splits: SourceSplits) -> None:
    found = search_lambdas(splits, shared_head(), CONFIG, grid=(0.0, 1e-3, 10.0))
    assert len(found) == 9
    z, labels = (part[splits.validation[0]] for part in splits.samples[:2])
    for candidate in found:
        parameters, epoch = alone(splits, candidate.lambda_0, candidate.lambda_1)
        head = ExpertHead(SIZE, PEOPLE)
        head.load_state_dict({"head_parameters": parameters})
        with torch.no_grad():
            expected = affect_loss(head(z).affect, labels).item()
        assert candidate.loss == pytest.approx(expected, rel=1e-4)
        assert candidate.epoch == epoch


@pytest.mark.parametrize("joint_learning_rate", [0.03, 0.3])
def test_the_joint_stage_takes_its_own_rate(splits: SourceSplits, joint_learning_rate: float) -> None:
    """The search once learned with another rate than source learning, and chose another pair for it."""
    config = replace(CONFIG, joint_learning_rate=joint_learning_rate)
    (found,) = search_lambdas(splits, shared_head(), config, grid=(1e-3,))
    (usual,) = search_lambdas(splits, shared_head(), CONFIG, grid=(1e-3,))
    assert found.loss != pytest.approx(usual.loss, rel=1e-3)


def test_the_best_comes_first(splits: SourceSplits) -> None:
    """The paper's grid has eight values, 0 among them: 64 pairs."""
    losses = [candidate.loss for candidate in search_lambdas(splits, shared_head(), CONFIG)]
    assert len(losses) == len(PAPER_GRID) ** 2 == 64
    assert losses == sorted(losses)


def test_the_same_seed_gives_the_same_choice(splits: SourceSplits) -> None:
    one, two = (search_lambdas(splits, shared_head(), CONFIG, grid=(0.0, 1.0)) for _ in range(2))
    assert one == two
