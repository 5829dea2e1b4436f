"""Stage 5 of source learning: the prior over people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pen_mobile.models.prior import Prior
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.prior.candidate_weights import with_learned_weights
from pen_mobile.training.prior.candidates import assemble, own_mean_of
from pen_mobile.training.prior.caution import with_learned_caution, with_stated_caution
from pen_mobile.training.prior.cross_fit import SourceRows, cross_fitted_outputs
from pen_mobile.training.prior.decorrelation import fit_decorrelation
from pen_mobile.training.prior.episodes import EpisodeBatch, SourcePerson, simulate, thin
from pen_mobile.training.prior.guard import calibrate
from pen_mobile.training.prior.spreads import LEAST_ERROR, learn_spreads, weak_defaults
from pen_mobile.training.prior.summary import PriorSummary, summarise
from pen_mobile.training.strategies.prior import head_output
from pen_mobile.types import Doubles, Floats, Rows
from pen_mobile.utils.files import replacing, write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress

_JUDGED = 4  # times as many simulated adaptations calibrate the guard as learn the prior

FEWEST_PEOPLE = 4
"""With fewer source people the prior has stated defaults."""


def prior_stage(
    file: Path,
    head_parameters: Tensor,
    rows: SourceRows,
    names: Sequence[str],
    config: LearningConfig,
    *,
    seen: bool,
    progress: Progress = SILENT,
) -> Prior:
    """Learn the prior into ``file``, unless it is there already.

    Args:
        file: ``5-prior.safetensors`` of a run; the summary becomes ``5-prior.json`` beside it.
        head_parameters: the head that ships, ``[n_s (1 + K), D_z + 1]``.
        rows: of the source people, in order of time each.
        names: of the targets.
        config: settings of the run.
        seen: True when the backbone was trained on these people.
        progress: listener.
    """
    if file.exists() and file.with_suffix(".json").exists():
        return Prior.load(file)
    prior, summary = learn_prior(head_parameters, rows, names, config, seen=seen, progress=progress)
    write_json(file.with_suffix(".json"), to_plain(summary))
    with replacing(file) as temporary:
        prior.save(temporary)
    return prior


def learn_prior(
    head_parameters: Tensor,
    rows: SourceRows,
    names: Sequence[str],
    config: LearningConfig,
    *,
    seen: bool,
    progress: Progress = SILENT,
) -> tuple[Prior, PriorSummary]:
    """Return the prior and what it says about people. For the arguments see :func:`prior_stage`."""
    outputs = cross_fitted_outputs(rows, config, progress)
    decorrelation = fit_decorrelation(rows.z)
    people = [
        SourcePerson(decorrelation.apply(rows.z[own]), outputs[own], rows.y[own], rows.time[own])
        for own in (rows.person == number for number in range(int(rows.person.max()) + 1))
    ]
    batches = simulate(people, config.seed)
    learned = len(people) >= FEWEST_PEOPLE
    spreads = [weak_defaults(people, k) for k in range(len(names))]
    if learned:
        spreads = [learn_spreads(batches, k, start) for k, start in enumerate(spreads)]
    own_means = [own_mean_of(people, k, found.noise_length) for k, found in enumerate(spreads)]
    said = head_output(head_parameters.double(), torch.from_numpy(rows.z), len(names))
    prior = assemble(decorrelation, said.numpy().mean(axis=0), spreads, own_means)
    if learned:
        prior = with_learned_weights(prior, batches, seen=seen)
    prior = with_learned_caution(prior, batches) if learned and not seen else with_stated_caution(prior)
    uncalibrated = prior
    prior = calibrate(prior, simulate(people, config.seed, _JUDGED), seen=seen or not learned)
    if not learned:  # how much labels jump cannot be known from so few people
        limits = {name: getattr(uncalibrated, name) for name in ("roughness_limit", "disorder_limit")}
        prior = dataclasses.replace(prior, **limits)
    errors = [(*_reference_errors(prior, batches, k), found.error) for k, found in enumerate(spreads)]
    facts = {"people": len(people), "learned": learned, "backbone_saw_people": seen}
    return prior, summarise(names, spreads, own_means, errors, **facts)


def source_rows(z: Floats, y: Floats, person: Sequence[Rows], time: Doubles) -> SourceRows:
    """Return some rows of each person, spread over time, one person after the other.

    Args:
        z: features of all rows, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        person: row numbers of each person, in order of time.
        time: seconds, ``[N]``.
    """
    rows = np.concatenate([own[thin(len(own))] for own in person])
    number = np.repeat(np.arange(len(person)), [len(thin(len(own))) for own in person])
    return SourceRows(z[rows].astype(np.float64), y[rows].astype(np.float64), number, time[rows])


def _reference_errors(prior: Prior, batches: Sequence[EpisodeBatch], target: int) -> tuple[float, float]:
    """Return geometric means of the RMSE of heads as they are and of the mean of the labels given."""
    before, own = [], []
    for batch in batches:
        y = batch.test_y[:, :, target]
        before.append(_log_rmse(batch.test_f[:, :, target] + float(prior.output_mean[target]) - y))
        own.append(_log_rmse(batch.labels.y[:, :, target].mean(dim=1, keepdim=True) - y))
    return float(np.exp(np.mean(before))), float(np.exp(np.mean(own)))


def _log_rmse(errors: Tensor) -> float:
    return float(errors.square().mean(dim=1).sqrt().clamp(min=LEAST_ERROR).log().mean())
