"""Table 2: two other designs learn from the same source people and are tested on the same rows, without adaptation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple

import numpy as np
import torch
from lightning_fabric import Fabric

from pen_mobile.data.table import FeatureTable
from pen_mobile.metrics import Agreement
from pen_mobile.paper.comparators.gru import GruSettings, fit_gru
from pen_mobile.paper.comparators.svr import fit_svr
from pen_mobile.paper.comparators.trajectory import Comparator, Trajectory, split_in_time, trajectories_of
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.protocol_plan import CellKey
from pen_mobile.paper.protocol_result import UNADAPTED, Cell, Model, ProtocolResult
from pen_mobile.paper.target_evaluation import Answer, Target
from pen_mobile.types import Floats

Fit = Callable[[Sequence[Trajectory], Sequence[Trajectory], int, Fabric], Comparator]

_GRU_ROWS = 500_000
"""Rows that a GRU may read in all epochs together: fifty epochs of a small data set, ten of RECOLA."""


def run_comparator_study(
    source: FeatureTable, table: FeatureTable, key: CellKey, device: torch.device | str = "cpu"
) -> Cell:
    """Learn both designs and test them on the target people's test rows.

    Args:
        source: source people with features; the last fifth of each recording validates.
        table: target people with features; estimates are of whole recordings, of which test rows are taken.
        key: which cell; its study is ``comparators``.
        device: where networks learn.
    """
    started = time.perf_counter()
    target = Target.split(table, key.sampling, key.seed)
    training, validation = split_in_time(trajectories_of(source, "source"))
    fabric = Fabric(accelerator=torch.device(device).type, devices=1)
    evaluations = []
    for model, fit in _DESIGNS.items():
        began = time.perf_counter()
        comparator = fit(training, validation, key.seed, fabric)
        seconds = time.perf_counter() - began
        answer = Answer(_estimates(comparator, table, target), {})
        tested = target.compare(answer, model, share=0.0, seconds=seconds, strategy=UNADAPTED)
        evaluations.append(tested.evaluation)
    return Cell(*key, evaluations, left_out=target.left_out, seconds=time.perf_counter() - started)


def comparison_rows(result: ProtocolResult) -> list[ComparisonRow]:
    """Return the designs as rows beside s-PEN, each the mean over the seeds."""
    cells = [cell for cell in result.cells if cell.study == "comparators"]
    rows = []
    for same in zip(*(cell.evaluations for cell in cells), strict=True):
        mean = _mean([one.pooled for one in same])
        seconds = float(np.mean([one.seconds for one in same]))
        rows.append(ComparisonRow(*_NAMES[same[0].model], mean, seconds, _NOTE))
    return rows


def _mean(agreements: Sequence[Agreement]) -> Agreement:
    """Average every number; one that is undefined for a seed is undefined."""
    columns = zip(*(astuple(one) for one in agreements), strict=True)
    return Agreement(*(None if None in column else float(np.mean(column)) for column in columns))  # type: ignore[arg-type]


def _estimates(comparator: Comparator, table: FeatureTable, target: Target) -> Floats:
    """Return the estimates of a comparator for all test rows, person after person, ``[N, 2]``."""
    parts = []
    for name, split in target.splits.items():
        rows = table.rows_of(name)
        whole = comparator.predict(table.features[rows], table.time_s[rows])
        numbered = np.argsort(rows)  # test rows are in order of number, recordings in order of time
        parts.append(whole[numbered[np.searchsorted(rows[numbered], split.test)]])
    return np.concatenate(parts)


def _fit_gru(training: Sequence[Trajectory], validation: Sequence[Trajectory], seed: int, fabric: Fabric) -> Comparator:
    rows = sum(map(len, training))
    epochs = int(np.clip(_GRU_ROWS // rows, 5, GruSettings().epochs))
    return fit_gru(training, validation, GruSettings(epochs=epochs, seed=seed), fabric)


def _fit_svr(training: Sequence[Trajectory], validation: Sequence[Trajectory], seed: int, fabric: Fabric) -> Comparator:
    return fit_svr(training, validation)


_NAMES: dict[Model, tuple[str, str]] = {
    "GRU": ("End2You's design", "two GRU layers over features of consecutive frames, loss 1 - CCC"),
    "SVR": ("AVEC 2016 baseline's design", "linear SVR on single frames, then median filter, centring, scaling"),
}
_NOTE = "learned from source people, tuned on the last fifth of their recordings; not adapted"
_DESIGNS: dict[Model, Fit] = {"GRU": _fit_gru, "SVR": _fit_svr}
