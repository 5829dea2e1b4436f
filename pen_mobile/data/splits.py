"""Which rows of source people teach and which validate, decided per person and by seed alone."""

from __future__ import annotations

import zlib

import numpy as np

from pen_mobile.data.table import SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.types import Rows


def validation_split(table: SubjectTable, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Draw a share of every person's rows at random for validation (Section 4: 20 % of each).

    Args:
        table: all people.
        fraction: share of each person's rows, 0 to 1.
        seed: decides every draw, together with the names.

    Returns:
        Row numbers for training and for validation, each sorted. Every person keeps at least one
        training row, and adding people changes nobody else's split.

    Raises:
        BadInput: no person has enough rows to hold one out.
    """
    validation: list[Rows] = []
    for subject in table.subjects():
        rows = table.rows_of(subject)
        count = min(round(fraction * len(rows)), len(rows) - 1)
        validation.append(generator_for(seed, subject).permutation(rows)[:count])
    held_out = np.sort(np.concatenate(validation))
    if not len(held_out):
        raise BadInput(f"{table.origin}: no subject has rows enough to hold {fraction:.0%} of them out; give more")
    return np.setdiff1d(np.arange(len(table)), held_out), held_out


def generator_for(seed: int, subject: str) -> np.random.Generator:
    """Return random numbers that depend on seed and person only, not on other people in the table.

    Args:
        seed: of the experiment.
        subject: name of the person.
    """
    return np.random.default_rng([seed, zlib.crc32(subject.encode())])
