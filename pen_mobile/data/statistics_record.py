"""Statistics of a table: records, and their words for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.label_statistics import (
    FeatureSummary,
    LabelSummary,
    RoleLabels,
    usual_step,
)
from pen_mobile.data.table import ROLES, Role, SubjectTable
from pen_mobile.targets import Targets
from pen_mobile.utils.frames import Tabular
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Cell, Part, Table, invented
from pen_mobile.utils.text import counted, duration, joined


@dataclass(frozen=True)
class SubjectStatistics:
    """What there is of one person.

    Attributes:
        seconds: from the first row to the last.
        median_step_s, largest_gap_s: between one row and the next; None for a single row.
        gap_start_s: where the largest gap begins; None for a single row.
        labels: of every target, by name.
        duplicates: rows whose frame or feature vector is, byte for byte, that of an earlier row of this person.
    """

    subject: str
    role: Role
    rows: int
    first_s: float
    last_s: float
    seconds: float
    median_step_s: float | None
    largest_gap_s: float | None
    gap_start_s: float | None
    labels: dict[str, LabelSummary]
    duplicates: int

    @classmethod
    def of(cls, subject: str, role: Role, table: SubjectTable, content: NDArray[np.object_]) -> SubjectStatistics:
        """Describe one person.

        Args:
            subject: name of the person.
            role: source or target.
            table: everybody.
            content: a digest of every row of the table, ``[N]``.
        """
        rows = table.rows_of(subject)
        time_s = table.time_s[rows]
        steps = np.diff(time_s)
        widest = int(np.argmax(steps)) if len(steps) else None
        columns = zip(table.targets.names, table.affect[rows].T.astype(np.float64), strict=True)
        return cls(
            subject=subject,
            role=role,
            rows=len(rows),
            first_s=float(time_s[0]),
            last_s=float(time_s[-1]),
            seconds=float(time_s[-1] - time_s[0]),
            median_step_s=None if widest is None else usual_step(steps),
            largest_gap_s=None if widest is None else float(steps[widest]),
            gap_start_s=None if widest is None else float(time_s[widest]),
            labels={name: LabelSummary.of(labels, time_s) for name, labels in columns},
            duplicates=len(rows) - len(set(content[rows])),
        )


@dataclass(frozen=True, repr=False)
class TableStatistics(Tabular, Readable):
    """Statistics of a table before training on it.

    Attributes:
        origin: name of the data.
        digest: SHA-256 of the data.
        synthetic: whether the people are invented.
        rows: number of rows.
        people: sources first, by name.
        targets: names and range of the labels.
        edges: of the bins of label histograms.
        labels: per role; a role without people is missing.
        distance: Wasserstein distance between source and target labels; None without people on both sides.
        features: None for a table of frames.
        warnings: in plain words, with the person and the numbers.
    """

    rows_key = "people"

    origin: str
    digest: str
    synthetic: bool
    rows: int
    people: tuple[SubjectStatistics, ...]
    targets: Targets
    edges: tuple[float, ...]
    labels: dict[Role, RoleLabels]
    distance: dict[str, float] | None
    features: FeatureSummary | None
    warnings: list[str]

    def people_with_role(self, role: Role) -> list[SubjectStatistics]:
        """Return the people of one role.

        Args:
            role: source or target.
        """
        return [person for person in self.people if person.role == role]

    def as_parts(self) -> list[Part]:
        """Return the verdict, the amount of data, a table of all people, and all warnings."""
        return [
            headline(self),
            extent(self) + invented(self.synthetic),
            people_table(self),
            *(f"warning: {warning}" for warning in self.warnings),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return asdict(self) | {"people_per_role": {role: len(self.people_with_role(role)) for role in ROLES}}


def headline(statistics: TableStatistics) -> str:
    """Return one sentence that says whether the recordings can train and test a model.

    Args:
        statistics: statistics of a table.
    """
    missing = [role for role in ROLES if not statistics.people_with_role(role)]
    if missing:
        use = {"source": "nothing can be trained", "target": "a model can be trained, but its adaptation not be tested"}
        verdict = f"There are no {missing[0]} people: {use[missing[0]]}"
    elif statistics.warnings:
        verdict = f"Look at {counted(len(statistics.warnings), 'warning')} before training"
    else:
        verdict = "Nothing stands out: these recordings can train and test a model"
    return f"{verdict}."


def extent(statistics: TableStatistics) -> str:
    """Return one or two sentences about the amount of data, and the distance of source and target labels.

    Args:
        statistics: statistics of a table.
    """
    sources, targets = (len(statistics.people_with_role(role)) for role in ROLES)
    people = counted(len(statistics.people), "person", "people")
    start = (
        f"{counted(statistics.rows, 'row')} of {people}, {counted(sources, 'source')} and {counted(targets, 'target')}"
    )
    if statistics.distance is None:
        return start + "."
    apart = joined([f"{distance:.2f} in {name}" for name, distance in statistics.distance.items()])
    width = 2 * statistics.targets.half_width
    return f"{start}. Labels of sources and targets lie {apart} apart (the range is {width:g})."


def people_table(statistics: TableStatistics) -> Table:
    """Return amount, times and labels of every person.

    Args:
        statistics: statistics of a table.
    """
    names = statistics.targets.names
    head = (
        "person",
        "role",
        "rows",
        "covered",
        "step",
        "gap",
        *("mean ± s.d.", "range", "unchanged") * len(names),
        "same",
    )
    groups = [("", 2), ("time", 3), *((name, 3) for name in names), ("", 1)]
    return Table(head, [_person_cells(person) for person in statistics.people], "", groups)


def _person_cells(person: SubjectStatistics) -> list[Cell | str]:
    times = (person.seconds, person.median_step_s, person.largest_gap_s)
    return [
        person.subject,
        person.role,
        f"{person.rows:,}",
        *("-" if seconds is None else duration(seconds) for seconds in times),
        *(cell for label in person.labels.values() for cell in label.cells()),
        f"{person.duplicates:,}",
    ]
