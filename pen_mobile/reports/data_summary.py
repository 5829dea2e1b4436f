"""Verdict and table of a table of recordings, for terminals, pages and notebooks."""

from __future__ import annotations

from pen_mobile.data.statistics import LabelSummary, SubjectStatistics, TableStatistics, duration
from pen_mobile.data.table import ROLES
from pen_mobile.utils.table import Cell, Table
from pen_mobile.utils.text import counted, decimal, joined


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
    return f"{start}. Labels of sources and targets lie {apart} apart (the range is 2)."


def people_table(statistics: TableStatistics) -> Table:
    """Return amount, times and labels of every person.

    Args:
        statistics: statistics of a table.
    """
    head = ("person", "role", "rows", "covered", "step", "gap", *("mean ± s.d.", "range", "unchanged") * 2, "same")
    groups = [("", 2), ("time", 3), ("valence", 3), ("arousal", 3), ("", 1)]
    return Table(head, [_person_cells(person) for person in statistics.people], "", groups)


def _person_cells(person: SubjectStatistics) -> list[Cell | str]:
    times = (person.seconds, person.median_step_s, person.largest_gap_s)
    return [
        person.subject,
        person.role,
        f"{person.rows:,}",
        *("-" if seconds is None else duration(seconds) for seconds in times),
        *_label_cells(person.valence),
        *_label_cells(person.arousal),
        f"{person.duplicates:,}",
    ]


def _label_cells(label: LabelSummary) -> list[Cell | str]:
    return [
        f"{decimal(label.mean, 2)} ± {decimal(label.std, 2)}",
        f"{decimal(label.min, 2)} to {decimal(label.max, 2)}",
        _unchanged(label),
    ]


def _unchanged(label: LabelSummary) -> str:
    run = label.constant_run
    if label.min == label.max:
        return "constant"
    return f"{duration(run.seconds)}, {run.share:.0%}" if run.rows > 1 else "-"
