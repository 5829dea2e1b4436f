"""The page of a table of recordings, in one file that loads nothing else."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from pen_mobile.data.statistics_record import SubjectStatistics, TableStatistics, extent, headline, people_table
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.reports.data_figures import coverage_figure, joint_figure, label_figure
from pen_mobile.reports.html import data_uri, render
from pen_mobile.reports.sample_faces import sample_faces
from pen_mobile.targets import Targets
from pen_mobile.utils.files import replacing
from pen_mobile.utils.text import counted, decimal

_FACES = 5  # of each person
_FACE_PEOPLE = 24  # people whose faces are shown; they make the page large
_COVERAGE_PEOPLE = 60
_OPEN_WARNINGS = 12  # warnings shown without a click


def write_data_page(path: Path, table: SubjectTable, statistics: TableStatistics) -> None:
    """Write the page, for its user alone: it shows faces. An older one stays until the new one is complete.

    Args:
        path: file to write.
        table: the recordings.
        statistics: their statistics.
    """
    page = render("data.html.j2", _page(table, statistics))
    with replacing(path, private=True) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _page(table: SubjectTable, statistics: TableStatistics) -> dict[str, Any]:
    """Return the variables of the template."""
    people = statistics.people
    covered = people[:_COVERAGE_PEOPLE]
    times = {person.subject: table.time_s[table.rows_of(person.subject)] for person in covered}
    table = table.on_unit_scale()
    reach, joint = _reach(table), joint_figure(statistics)
    return {
        "statistics": statistics,
        "version": "",
        "headline": headline(statistics),
        "extent": extent(statistics),
        "recorded": _recorded(statistics),
        "content": _content(table),
        "open_warnings": statistics.warnings[:_OPEN_WARNINGS],
        "more_warnings": statistics.warnings[_OPEN_WARNINGS:],
        "people": people_table(statistics),
        "covered": covered,
        "figures": {
            "joint": None if joint is None else Markup(joint),
            "labels": Markup(label_figure(statistics)),
            "coverage": Markup(coverage_figure(covered, times)),
        },
        "faces": [_sheet(table, statistics.targets, person, reach) for person in people[:_FACE_PEOPLE]]
        if isinstance(table, FrameTable)
        else [],
        "reach": statistics.targets.half_width * reach,
        "middle": statistics.targets.middle,
        "facts": _facts(statistics),
    }


def _facts(statistics: TableStatistics) -> dict[str, str]:
    facts = {"data": statistics.origin, "SHA-256": statistics.digest}
    if statistics.features is not None:
        features = statistics.features
        facts["features"] = (
            f"{counted(features.size, 'column')}, {features.constant_share:.1%} of them constant; "
            f"median length of a vector {decimal(features.norm_median, 2)}"
        )
    return facts


def _sheet(table: SubjectTable, targets: Targets, person: SubjectStatistics, reach: float) -> dict[str, Any]:
    """Return one person's faces and where they stand from ``-reach`` to ``reach``, in percent.

    The first target leads to the right, the second up; with one target faces stand on a line.
    """
    faces = [
        {
            "label": face.words(targets),
            "image": data_uri(face.image),
            "left": 50 + 50 * face.affect[0] / reach,
            "top": 50 - 50 * sum(face.affect[1:2]) / reach,
        }
        for face in sample_faces(table, person.subject, _FACES)
    ]
    return {"person": person, "faces": faces}


def _reach(table: SubjectTable) -> float:
    """Return the largest label there is, rounded up to a tenth, so that faces of calm people do not pile up."""
    return max(0.2, math.ceil(float(np.abs(table.affect).max()) * 10 - 1e-6) / 10)


def _recorded(statistics: TableStatistics) -> str:
    """Say how long all recordings together are."""
    seconds = sum(person.seconds for person in statistics.people)
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _content(table: SubjectTable) -> str:
    row = table.content(np.arange(1))[0]
    return f"{len(row)} features" if isinstance(table, FeatureTable) else f"{len(row)} px faces"
