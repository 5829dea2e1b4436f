"""Heads that have not seen whom they are judged by: source people in folds, a head learned without each fold."""

from __future__ import annotations

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
    outputs = np.empty_like(rows.y)
    with progress.task("5-prior", int(folds.max()) + 1) as task:
        for fold in np.unique(folds):
            held = folds[rows.person] == fold
            head = _head_without(rows, held, config).double()
            said = head_output(head, torch.from_numpy(rows.z), targets).numpy()
            outputs[held] = said[held] - said[~held].mean(axis=0)
            task.advance(1)
    return outputs


def _head_without(rows: SourceRows, held: NDArray[np.bool_], config: LearningConfig) -> Tensor:
    """Return head parameters ``[n_s (1 + K), D_z + 1]`` that have not seen some rows, given as a mask."""
    own = np.flatnonzero(~held)
    people, subject = np.unique(rows.person[own], return_inverse=True)
    z, y = (torch.from_numpy(values[own].astype(np.float32)) for values in (rows.z, rows.y))
    samples = HeadSamples(z, y, torch.from_numpy(subject))
    places = np.arange(len(own))
    validates = places % _VALIDATION == _VALIDATION - 1
    training, validation = ([torch.from_numpy(np.flatnonzero(part))] for part in (~validates, validates))
    splits = SourceSplits(samples, len(people), training, validation)
    lambdas = [(config.lambda_0, config.lambda_1)]
    shared = train_heads(shared_stage(splits, config))[0]
    gate = train_heads(gate_stage(splits, config, lambdas))[0]
    return train_heads(expert_stage(splits, config, lambdas, shared, gate))[0][0, 0]
