"""What is in a table: who was recorded for how long, what they felt, and what looks wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from pen_mobile.data.label_statistics import (
    FeatureSummary,
    RoleLabels,
    label_edges,
    usual_step,
)
from pen_mobile.data.statistics_record import SubjectStatistics, TableStatistics
from pen_mobile.data.table import ROLES, FeatureTable, SubjectTable
from pen_mobile.types import Doubles
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.text import duration

FEW_ROWS = 50
LONG_RUN_S, LONG_RUN_SHARE = 10.0, 0.05
GAP_STEPS = 10
_BATCH = 256  # frames read at once


def table_statistics(table: SubjectTable, progress: Progress = SILENT) -> TableStatistics:
    """Look at every row of a table; frames are read a few at a time.

    Args:
        table: people with frames or features.
        progress: shows how many rows are done.
    """
    content = np.concatenate(list(_content_digests(table, progress)))
    people = tuple(
        SubjectStatistics.of(subject, role, table, content) for role in ROLES for subject in table.subjects(role)
    )
    roles = [role for role in ROLES if table.subjects(role)]
    return TableStatistics(
        origin=table.origin,
        digest=table.digest,
        synthetic=table.synthetic,
        rows=len(table),
        people=people,
        targets=table.targets,
        edges=label_edges(table.targets.label_range),
        labels={role: RoleLabels.of(table.affect[table.rows_with_role(role)], table.targets) for role in roles},
        distance=_distance(table) if len(roles) == len(ROLES) else None,
        features=FeatureSummary.of(table.features) if isinstance(table, FeatureTable) else None,
        warnings=_warnings(people),
    )


def covered_spans(time_s: Doubles) -> list[tuple[float, float]]:
    """Return where one person's times run on without a gap of more than ten median steps.

    Args:
        time_s: seconds, float64 ``[N]``, sorted, N >= 1.

    Returns:
        Start and end of each span, seconds.
    """
    if len(time_s) == 1:
        return [(float(time_s[0]), float(time_s[0]))]
    steps = np.diff(time_s)
    after_gaps = np.flatnonzero(steps > GAP_STEPS * usual_step(steps)) + 1
    return [(float(span[0]), float(span[-1])) for span in np.split(time_s, after_gaps)]


def _content_digests(table: SubjectTable, progress: Progress) -> Iterator[NDArray[np.object_]]:
    """Yield one digest per row, some rows at a time."""
    with progress.task("Looking at every row", total=len(table)) as task:
        for start in range(0, len(table), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(table)))
            yield np.array(
                [hashlib.sha256(np.ascontiguousarray(row).data).digest() for row in table.content(rows)], dtype=object
            )
            task.advance(len(rows))


def _distance(table: SubjectTable) -> dict[str, float]:
    source, target = (table.affect[table.rows_with_role(role)] for role in ROLES)
    return {
        name: float(wasserstein_distance(source[:, column], target[:, column]))
        for column, name in enumerate(table.targets.names)
    }


def _warnings(people: Sequence[SubjectStatistics]) -> list[str]:
    return [*_role_warnings(people), *(warning for person in people for warning in _person_warnings(person))]


def _role_warnings(people: Sequence[SubjectStatistics]) -> Iterator[str]:
    sources = [person.subject for person in people if person.role == "source"]
    if not sources:
        yield "there are no source people: nobody to learn from"
    elif len(sources) == 1:
        yield f"there is only one source person, {sources[0]}: a mixture needs the experts of several"
    if len(sources) == len(people):
        yield "there are no target people: nobody to adapt to or to test on"


def _person_warnings(person: SubjectStatistics) -> Iterator[str]:
    if person.rows < FEW_ROWS:
        rows = "row" if person.rows == 1 else "rows"
        yield f"{person.subject} has only {person.rows} {rows}; fewer than {FEW_ROWS} teach and test little"
    if person.median_step_s is None or person.largest_gap_s is None or person.gap_start_s is None:
        return
    for name, labels in person.labels.items():
        run = labels.constant_run
        if run.rows == person.rows:
            yield f"{person.subject}: {name} is {run.value:.3g} in all {person.rows:,} rows; CCC cannot exceed 0"
        elif run.seconds > LONG_RUN_S and run.share > LONG_RUN_SHARE:
            yield (
                f"{person.subject}: {name} stays at {run.value:.3g} for {duration(run.seconds)} from "
                f"{duration(run.start_s)} on, {run.share:.0%} of the rows; was somebody still labelling?"
            )
    if person.largest_gap_s > GAP_STEPS * person.median_step_s:
        yield (
            f"{person.subject}: nothing for {duration(person.largest_gap_s)} from {duration(person.gap_start_s)} on, "
            f"where rows are usually {duration(person.median_step_s)} apart"
        )
