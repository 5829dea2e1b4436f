"""Table 2: two other designs learn from the same source people and are tested on the same rows, without adaptation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pen_mobile.data.table import FeatureTable
from pen_mobile.paper.comparators.gru import GruSettings, fit_gru
from pen_mobile.paper.comparators.svr import fit_svr
from pen_mobile.paper.comparators.trajectory import Comparator, Trajectory, split_in_time, trajectories_of
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import UNADAPTED, Cell, Model
from pen_mobile.paper.target_evaluation import Answer, Target
from pen_mobile.training.fabric import make_fabric
from pen_mobile.types import Floats

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Fit = Callable[[Sequence[Trajectory], Sequence[Trajectory], int, "Fabric"], Comparator]

_GRU_ROWS = 500_000
"""Rows that a GRU may read in all epochs together: fifty epochs of a small data set, ten of RECOLA."""


def run_comparator_study(
    source: FeatureTable, table: FeatureTable, plan: ProtocolPlan, key: CellKey, device: torch.device | str = "cpu"
) -> Cell:
    """Learn both designs and test them on the target people's test rows.

    Args:
        source: source people with features; the last fifth of each recording validates.
        table: target people with features; estimates are of whole recordings, of which test rows are taken.
        plan: lengths of blocks and gaps.
        key: which cell; its study is ``comparators``.
        device: where networks learn.
    """
    started = time.perf_counter()
    target = Target.split(table, plan, key.sampling, key.seed)
    training, validation = split_in_time(trajectories_of(source, "source"))
    fabric = make_fabric(torch.device(device).type)
    evaluations = []
    for model, fit in _DESIGNS.items():
        began = time.perf_counter()
        comparator = fit(training, validation, key.seed, fabric)
        seconds = time.perf_counter() - began
        answer = Answer(_estimates(comparator, table, target), {})
        tested = target.compare(answer, model, share=0.0, seconds=seconds, strategy=UNADAPTED)
        evaluations.append(tested[0])
    return Cell(*key, evaluations, left_out=target.left_out, seconds=time.perf_counter() - started)


def _estimates(comparator: Comparator, table: FeatureTable, target: Target) -> Floats:
    """Return the estimates of a comparator for all test rows, person after person, ``[N, 2]``."""
    parts = []
    for name, split in target.splits.items():
        rows = table.rows_of(name)
        whole = comparator.predict(table.features[rows], table.time_s[rows])
        numbered = np.argsort(rows)  # recordings are in order of time
        parts.append(whole[numbered[np.searchsorted(rows[numbered], split.test)]])
    return np.concatenate(parts)


def _fit_gru(training: Sequence[Trajectory], validation: Sequence[Trajectory], seed: int, fabric: Fabric) -> Comparator:
    rows = sum(map(len, training))
    epochs = int(np.clip(_GRU_ROWS // rows, 5, GruSettings().epochs))
    return fit_gru(training, validation, GruSettings(epochs=epochs, seed=seed), fabric)


def _fit_svr(training: Sequence[Trajectory], validation: Sequence[Trajectory], seed: int, fabric: Fabric) -> Comparator:
    return fit_svr(training, validation)


_DESIGNS: dict[Model, Fit] = {"GRU": _fit_gru, "SVR": _fit_svr}
