"""The float model's own answers, from which golden vectors are made.

The frames are of invented people: no real face ships in a bundle.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pen_mobile.bundle.golden import NO_FRAMES, Golden
from pen_mobile.bundle.recipe import HeadRecipe
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FrameTable
from pen_mobile.models.backbone import Backbone
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.losses import adaptation_loss
from pen_mobile.models.optimizers import OptimizerName, make_optimizer
from pen_mobile.targets import DEFAULT_TARGETS, Targets
from pen_mobile.training.features import extract_features
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Floats

_STEPS = 20
_SAMPLES = 16
_SEED = 20181
_DRAWS = 16
_DIVERGES = 10.0
_AGREES = 1e-6
_NOISE, _NOISY, _STAYS = 5e-7, 3, 5e-6  # relative, 4 units in the last place; how often; how far the end may move


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
        features, labels: ``[G, D_z]`` and ``[G, K]``.
        recipe: how the head trains.
    """
    z, y = torch.from_numpy(features), torch.from_numpy(labels)
    with torch.no_grad():
        answer = head(z)
    references = {name: _reference_training(head, z, y, recipe, name) for name in recipe.learning_rate}
    return Golden(
        NO_FRAMES,
        features,
        labels,
        answer.affect.numpy(),
        answer.gate.numpy(),
        {name: one.batches for name, one in references.items()},
        {name: one.hyper for name, one in references.items()},
        {name: one.losses for name, one in references.items()},
        {name: one.parameters for name, one in references.items()},
    )


def golden_frames(size: int) -> NDArray[np.uint8]:
    """Return the frames on which every bundle is judged, ``[G, S, S, 3]``."""
    return _people().frames.read(slice(None), size)


def _people(names: tuple[str, ...] = DEFAULT_TARGETS) -> FrameTable:
    config = SyntheticConfig(sources=2, targets=2, seconds=_SAMPLES / 4, fps=1, seed=_SEED)
    return synthetic_table(config, targets=Targets(names))


def _examples(run: Run, backbone: Backbone | None) -> tuple[NDArray[np.uint8], Floats, Floats]:
    table = _people(run.record.data.targets.names)
    if backbone is None:
        mean, std = run.feature_statistics()
        noise = np.random.default_rng(_SEED).standard_normal((_SAMPLES, len(mean)), dtype=np.float32)
        return NO_FRAMES, mean + std * noise, table.affect
    frames = golden_frames(backbone.input_size)
    return frames, extract_features(backbone, frames), table.affect


def _batches(count: int, recipe: HeadRecipe, seed: int) -> NDArray[np.int32]:
    """Draw the rows of every step; each third batch is short and padded with -1."""
    rng = np.random.default_rng(seed)
    steps = -(-_STEPS // recipe.steps_per_call) * recipe.steps_per_call
    batches = rng.integers(0, count, (steps, recipe.batch), dtype=np.int32)
    if recipe.batch > 1:
        for step in range(2, steps, 3):
            batches[step, int(rng.integers(1, recipe.batch)) :] = -1
    return batches


class TrainingReference(NamedTuple):
    """How a head was taught, and what came of it: arrays of :class:`Golden` for one optimizer."""

    batches: NDArray[np.int32]
    hyper: Floats
    losses: Floats
    parameters: Floats

    def can_judge(self, head: ExpertHead, features: Tensor, labels: Tensor, name: OptimizerName) -> bool:
        """Return whether the training ends where it ends in float64, and there too from inputs that differ a little.

        A runtime adds in its own order, which can be unluckier than torch's; noise of several times what rounding does
        stands for all of them.

        Args:
            head: where training started.
            features: ``[G, D_z]``.
            labels: ``[G, K]``.
            name: optimizer.
        """
        rate, lambda_1 = self.hyper.tolist()
        scale = max(1.0, float(np.abs(self.parameters).max()))
        generator = torch.Generator().manual_seed(_SEED)
        for noise, allowed in ((0.0, _AGREES), *[(_NOISE, _STAYS)] * _NOISY):
            from_here = copy.deepcopy(head).double()
            from_here.head_parameters.data = _noisy(from_here.head_parameters.data, noise, generator)
            inputs = _noisy(features.double(), noise, generator)
            losses, parameters = _train(from_here, inputs, labels.double(), self.batches, (rate, lambda_1), name)
            if np.abs(self.losses - losses).max() > allowed * max(1.0, float(losses.max())):
                return False
            if np.abs(self.parameters[0] - parameters).max() > allowed * scale:
                return False
        return True


def _reference_training(
    head: ExpertHead, features: Tensor, labels: Tensor, recipe: HeadRecipe, name: OptimizerName
) -> TrainingReference:
    """Train, on batches and at a learning rate that can judge a runtime.

    Training is a poor judge where rounding decides how it ends. Batches are drawn again when a gradient is all but
    zero, because Adam divides by it: the last bit of a sum then decides which way a parameter goes. The learning rate
    is lowered when training diverges, as it does on the large features of a barely trained backbone, and when no draw
    helps, as where all experts are the same.
    """
    rate = recipe.learning_rate[name]
    for draw in range(_DRAWS):
        batches = _batches(len(features), recipe, _SEED + draw)
        losses, parameters = _train(head, features, labels, batches, (rate, recipe.sparsity), name)
        reference = TrainingReference(
            batches, np.array([rate, recipe.sparsity], np.float32), losses.astype(np.float32), parameters[None]
        )
        converges = losses.max() <= _DIVERGES * losses[0]  # False with nan
        if converges and reference.can_judge(head, features, labels, name):
            break
        if not converges or draw >= _DRAWS // 2:
            rate /= 10
    return reference


def _noisy(values: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    return values * (1 + noise * torch.randn(values.shape, generator=generator, dtype=values.dtype))


def _train(
    head: ExpertHead,
    features: Tensor,
    labels: Tensor,
    batches: NDArray[np.int32],
    hyper: tuple[float, float],
    name: OptimizerName,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the loss before each step and the packed matrix after all; ``head`` stays as it is."""
    rate, lambda_1 = hyper
    head = copy.deepcopy(head)
    optimizer = make_optimizer(name, head.parameters(), rate)
    losses = []
    for rows in batches:
        chosen = torch.from_numpy(rows[rows >= 0]).long()
        optimizer.zero_grad()
        loss = adaptation_loss(head(features[chosen]), labels[chosen], lambda_1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses), head.head_parameters.detach().numpy()
