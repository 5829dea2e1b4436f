"""Frames of the source people that decide a quantized backbone's ranges, and those on which it is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.load import load_table
from pen_mobile.data.splits import generator_for
from pen_mobile.data.table import FrameTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Rows


@dataclass(frozen=True, eq=False)
class SourceFrames:
    """The run's source people, with the rows for either purpose.

    Attributes:
        table: frames and labels of all source people.
        training: all rows that the run learned from.
        calibration: training rows that cover people and the affect plane.
        judged: validation rows, which neither training nor calibration has seen.
    """

    table: FrameTable
    training: Rows
    calibration: Rows
    judged: Rows

    def pixels(self, rows: Rows, size: int) -> NDArray[np.uint8]:
        """Return frames as uint8 ``[N, S, S, 3]``."""
        return self.table.frames.read(rows, size)


def source_frames(run: Run, data: str | None, side: int, calibration: int, judged: int) -> SourceFrames:
    """Read the frames that a run learned from and choose among them, by the run's seed.

    Args:
        run: a run with a backbone.
        data: where its data are now; None where they were.
        side: the affect plane is covered by ``side x side`` cells.
        calibration: how many training rows decide the ranges, at most.
        judged: how many validation rows judge the result, at most.

    Raises:
        BadInput: the data cannot be read, or are not those that the run learned from.
    """
    table = _source_table(run, data)
    seed = run.config.seed
    training, held_out = run.config.halves(table)
    chosen = np.random.default_rng(seed).permutation(held_out)[:judged]
    return SourceFrames(table, training, covering_rows(table, training, side, calibration, seed), np.sort(chosen))


def covering_rows(table: SubjectTable, rows: Rows, side: int, count: int, seed: int) -> Rows:
    """Choose ``count`` rows, or all when there are fewer, that cover people and the range of labels.

    People take turns; whoever's turn it is gives the row whose cell, one of ``side`` along each target, was chosen
    least so far.
    """
    digits = side ** np.arange(table.affect.shape[1])[::-1]
    places = np.clip(((table.affect + 1) / 2 * side).astype(int), 0, side - 1) @ digits
    cells = np.unique(places, return_inverse=True)[1]
    waiting = [
        generator_for(seed, subject).permutation(np.intersect1d(rows, table.rows_of(subject)))
        for subject in np.random.default_rng(seed).permutation(table.subjects())
    ]
    taken = np.zeros(cells.max() + 1, int)
    chosen: list[int] = []
    while len(chosen) < min(count, len(rows)):
        mine = waiting.pop(0)
        if not len(mine):
            continue
        best = int(np.argmin(taken[cells[mine]]))
        chosen.append(int(mine[best]))
        taken[cells[mine[best]]] += 1
        waiting.append(np.delete(mine, best))
    return np.sort(np.array(chosen, int))


def _source_table(run: Run, data: str | None) -> FrameTable:
    origin = data or run.origin
    try:
        table = load_table(origin, run.config.input_size, targets=run.record.data.targets)
    except BadInput as error:
        raise BadInput(f"{error} (int8 is calibrated on the data of {run.folder}; give them with --data)") from None
    table = table.take(table.rows_with_role("source"))
    if not isinstance(table, FrameTable) or table.digest != run.record.data.digest:
        raise BadInput(
            f"{origin}: not the source people that {run.folder} learned from; give the run's data with --data"
        )
    return table.on_unit_scale()
