"""Which rows teach and which rows test, decided per person and by seed alone."""

from __future__ import annotations

import zlib

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.subjects.table import Rows, SubjectTable


def validation_split(table: SubjectTable, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Draw ``fraction`` of every person's rows at random for validation (Section 4: 20 % of each).

    Returns:
        Row numbers for training and for validation, each sorted. Every person keeps at least one
        training row, and adding people changes nobody else's split.

    Raises:
        BadInput: nobody has rows enough to hold one out.
    """
    validation: list[Rows] = []
    for subject in table.subjects():
        rows = table.rows_of(subject)
        count = min(round(fraction * len(rows)), len(rows) - 1)
        validation.append(_generator(seed, subject).permutation(rows)[:count])
    held_out = np.sort(np.concatenate(validation))
    if not len(held_out):
        raise BadInput(f"{table.origin}: no subject has rows enough to hold {fraction:.0%} of them out; give more")
    return np.setdiff1d(np.arange(len(table)), held_out), held_out


def halves_in_time(table: SubjectTable, subject: str, gap_s: float = 2.0) -> tuple[Rows, Rows]:
    """Split one person's recording in the middle: the first half may teach, the second half tests.

    Rows closer than ``gap_s`` seconds to the cut are left out of the first half, because neighbouring
    video frames are nearly copies of each other.
    """
    rows = table.rows_of(subject)
    times = table.time_s[rows]
    cut = times[len(times) // 2]
    return rows[times < cut - gap_s], rows[times >= cut]


def draw(rows: Rows, count: int, seed: int, subject: str) -> Rows:
    """Draw ``count`` of one person's rows at random; a larger count contains the smaller ones."""
    return _generator(seed, subject).permutation(rows)[:count]


def _generator(seed: int, subject: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(subject.encode())])
