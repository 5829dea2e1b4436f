"""Heads that have not seen whom they are judged by: source people in folds, a head learned without each fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pen_mobile.training.config import LearningConfig
from pen_mobile.training.head_batch import HeadSamples
from pen_mobile.training.head_training import train_heads
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import SourceSplits, gate_stage, shared_stage
from pen_mobile.training.strategies.prior import head_output
from pen_mobile.types import Doubles, Rows
from pen_mobile.utils.progress import SILENT, Progress

MOST_FOLDS = 5
_VALIDATION = 5  # every fifth row of a person chooses the epoch

Mask = NDArray[np.bool_]
"""Which rows a fold holds out, ``[N]``."""


class SourceRows(NamedTuple):
    """Rows of P source people, each in order of time.

    Attributes:
        z: features, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        person: number of the person of each row, ``[N]``, from 0 to P - 1.
        time: seconds, ``[N]``.
    """

    z: Doubles
    y: Doubles
    person: Rows
    time: Doubles


def cross_fitted_outputs(rows: SourceRows, config: LearningConfig, progress: Progress = SILENT) -> Doubles:
    """Return what a head says about each person that learned from other people, minus its mean over these.

    Heads learn in stages 2 to 4 of source learning, with the run's own settings.

    Args:
        rows: of source people.
        config: settings of the run.
        progress: listener.

    Returns:
        ``[N, K]``.
    """
    people, targets = int(rows.person.max()) + 1, rows.y.shape[1]
    folds = np.arange(people) % min(people, MOST_FOLDS)
    held = [folds[rows.person] == fold for fold in np.unique(folds)]
    outputs = np.empty_like(rows.y)
    with progress.task("5-prior", len(held)) as task:
        for together in _of_one_shape(rows, held, config):
            for out, head in zip(together, heads_without(rows, together, config), strict=True):
                said = head_output(head.double(), torch.from_numpy(rows.z), targets).numpy()
                outputs[out] = said[out] - said[~out].mean(axis=0)
            task.advance(len(together))
    return outputs


def heads_without(rows: SourceRows, held: Sequence[Mask], config: LearningConfig) -> Tensor:
    """Return head parameters ``[G, n_s (1 + K), D_z + 1]`` of which each has not seen some rows.

    Args:
        rows: of source people.
        held: which rows each head must not see, ``[N]``; each leaves out equally many people, and as many steps an
            epoch remain.
        config: settings of the run.
    """
    own = [np.flatnonzero(~out) for out in held]
    subject = np.stack([_renumbered(rows.person, out) for out in held])
    subject_of = torch.from_numpy(subject if len(held) > 1 else subject[0])
    samples = HeadSamples(_single(rows.z), _single(rows.y), subject_of)
    training = [torch.from_numpy(kept[~_validates(kept)]) for kept in own]
    validation = [torch.from_numpy(kept[_validates(kept)] if len(kept) >= _VALIDATION else kept) for kept in own]
    splits = SourceSplits(samples, int(subject.max()) + 1, training, validation)
    lambdas = [(config.lambda_0, config.lambda_1)]
    shared = train_heads(shared_stage(splits, config))[0]
    gate = train_heads(gate_stage(splits, config, lambdas))[0]
    return train_heads(expert_stage(splits, config, lambdas, shared, gate))[0][:, 0]


def _of_one_shape(rows: SourceRows, held: Sequence[Mask], config: LearningConfig) -> list[list[Mask]]:
    """Return the folds whose heads can learn side by side: as many people each, and as many steps an epoch."""
    groups: dict[tuple[int, ...], list[Mask]] = {}
    for number, out in enumerate(held):
        own = np.flatnonzero(~out)
        steps = -(-int((~_validates(own)).sum()) // config.batch_size)
        alone = -1 if config.expert_learning == "joint" else number
        groups.setdefault((len(np.unique(rows.person[own])), steps, alone), []).append(out)
    return list(groups.values())


def _validates(own: Rows) -> Mask:
    places: Mask = np.arange(len(own)) % _VALIDATION == _VALIDATION - 1
    return places


def _renumbered(person: Rows, out: Mask) -> Rows:
    """Return numbers of people from 0 on without those left out, whose number is 0, too."""
    people = np.unique(person[~out])
    return np.where(out, 0, np.searchsorted(people, person))


def _single(values: Doubles) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
