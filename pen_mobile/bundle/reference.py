"""The float model's own answers, from which golden vectors are made.

The frames are of invented people: no real face ships in a bundle.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pen_mobile.bundle.golden import NO_FRAMES, RIDGE_LOOSENESS, Floats, Golden
from pen_mobile.bundle.recipe import HeadRecipe
from pen_mobile.learning.features import extract_features
from pen_mobile.learning.run import Run
from pen_mobile.learning.strategies.ridge import fit_experts
from pen_mobile.network.backbone import Backbone
from pen_mobile.network.heads import ExpertHead
from pen_mobile.network.losses import adaptation_loss
from pen_mobile.network.optimizers import OptimizerName, make_optimizer
from pen_mobile.subjects.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.subjects.table import SubjectTable

_STEPS = 20
_SAMPLES = 16
_SEED = 20181
_RATES = 8
_DIVERGES = 10.0


def make_golden(
    run: Run, backbone: Backbone | None, recipe: HeadRecipe, head: ExpertHead | None = None, int8: Floats | None = None
) -> Golden:
    """Let the float model of a run answer.

    Args:
        run: what was learned.
        backbone: its backbone, if it has one.
        recipe: how the head trains.
        head: what ships when that is not the run's head.
        int8: features of the golden frames from a backbone in int8.
    """
    frames, features, labels = _examples(run, backbone)
    golden = head_answers(run.expert_head() if head is None else head, features, labels, recipe)
    return dataclasses.replace(golden, frames=frames, int8_features=int8)


def head_answers(head: ExpertHead, features: Floats, labels: Floats, recipe: HeadRecipe) -> Golden:
    """Let a head answer and train: eager torch, autograd and ``torch.optim``, on unpadded batches.

    Args:
        head: where training starts; it stays as it is.
        features, labels: ``[G, D_z]`` and ``[G, 2]``.
        recipe: how the head trains.
    """
    z, y = torch.from_numpy(features), torch.from_numpy(labels)
    with torch.no_grad():
        answer = head(z)
        fitted = fit_experts(head.packed, z, y, RIDGE_LOOSENESS).unsqueeze(0).numpy()
    batches = _batches(len(features), recipe)
    trained = {name: _train(head, z, y, batches, recipe, name) for name in recipe.learning_rate}
    return Golden(
        NO_FRAMES,
        features,
        labels,
        answer.affect.numpy(),
        answer.gate.numpy(),
        batches,
        {name: taught.hyper for name, taught in trained.items()},
        {name: taught.losses for name, taught in trained.items()},
        {name: taught.parameters for name, taught in trained.items()},
        fitted if recipe.ridge_labels else None,
    )


def golden_frames(size: int) -> NDArray[np.uint8]:
    """Return the frames on which every bundle is judged, ``[G, S, S, 3]``."""
    table = _people()
    assert table.frames is not None
    return table.frames.read(slice(None), size)


def _people() -> SubjectTable:
    return synthetic_table(SyntheticConfig(sources=2, targets=2, seconds=_SAMPLES / 4, fps=1, seed=_SEED))


def _examples(run: Run, backbone: Backbone | None) -> tuple[NDArray[np.uint8], Floats, Floats]:
    table = _people()
    if backbone is None:
        mean, std = run.feature_statistics()
        noise = np.random.default_rng(_SEED).standard_normal((_SAMPLES, len(mean)), dtype=np.float32)
        return NO_FRAMES, mean + std * noise, table.affect
    frames = golden_frames(backbone.input_size)
    return frames, extract_features(backbone, frames), table.affect


def _batches(count: int, recipe: HeadRecipe) -> NDArray[np.int32]:
    """Draw the rows of every step; each third batch is short and padded with -1."""
    rng = np.random.default_rng(_SEED)
    steps = -(-_STEPS // recipe.steps_per_call) * recipe.steps_per_call
    batches = rng.integers(0, count, (steps, recipe.batch), dtype=np.int32)
    if recipe.batch > 1:
        for step in range(2, steps, 3):
            batches[step, int(rng.integers(1, recipe.batch)) :] = -1
    return batches


class _Taught(NamedTuple):
    """What training gave: ``hyper`` as it was given, the loss before each step, the packed matrix after all."""

    hyper: Floats
    losses: Floats
    parameters: Floats


def _train(
    head: ExpertHead,
    features: Tensor,
    labels: Tensor,
    batches: NDArray[np.int32],
    recipe: HeadRecipe,
    name: OptimizerName,
) -> _Taught:
    """Train at the recipe's learning rate, or at a tenth of it, and so on, until training does not diverge.

    A trajectory that blows up multiplies the last bits of every sum, and says nothing about a runtime. Features of a
    barely trained backbone are large enough for that.
    """
    rate = recipe.learning_rate[name]
    for _ in range(_RATES):
        losses, parameters = _train_at(rate, head, features, labels, batches, recipe, name)
        if losses.max() <= _DIVERGES * losses[0]:  # false when it is nan
            break
        rate /= 10
    return _Taught(np.array([rate, recipe.lambda_1], np.float32), losses, parameters)


def _train_at(
    rate: float,
    head: ExpertHead,
    features: Tensor,
    labels: Tensor,
    batches: NDArray[np.int32],
    recipe: HeadRecipe,
    name: OptimizerName,
) -> tuple[Floats, Floats]:
    """Return the loss before each step and the packed matrix after all; ``head`` stays as it is."""
    head = copy.deepcopy(head)
    optimizer = make_optimizer(name, head.parameters(), rate)
    losses = []
    for rows in batches:
        chosen = torch.from_numpy(rows[rows >= 0]).long()
        optimizer.zero_grad()
        loss = adaptation_loss(head(features[chosen]), labels[chosen], recipe.lambda_1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses, np.float32), head.packed.detach().unsqueeze(0).numpy()
