"""Splits: shares per person, nothing on both sides, nobody moved by somebody else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput

SIZES = st.dictionaries(st.text("abcdeXYZ-0129", min_size=1, max_size=6), st.integers(1, 40), min_size=1, max_size=6)
FRACTIONS = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**31)
quick = settings(deadline=None, max_examples=60)


def recording(sizes: dict[str, int], shuffle: int | None = None) -> FeatureTable:
    """People with so many rows each, a second apart, one after the other or in a random order of rows."""
    subject = np.repeat(list(sizes), list(sizes.values()))
    time_s = np.concatenate([np.arange(count, dtype=np.float64) for count in sizes.values()])
    order = np.arange(len(subject)) if shuffle is None else np.random.default_rng(shuffle).permutation(len(subject))
    return at(subject[order], time_s[order])


def at(subject: np.ndarray, time_s: np.ndarray) -> FeatureTable:
    rows = len(subject)
    zeros = np.zeros((rows, 2), np.float32)
    return FeatureTable(subject, np.full(rows, "source"), time_s, affect=zeros, features=zeros)


def times_of(table: FeatureTable, rows: np.ndarray, subject: str) -> list[float]:
    return sorted(table.time_s[rows[table.subject[rows] == subject]])


def can_be_split(sizes: dict[str, int], fraction: float) -> bool:
    return any(count > 1 and round(fraction * count) > 0 for count in sizes.values())


@quick
@given(sizes=SIZES, fraction=FRACTIONS, seed=SEEDS)
def test_validation_split_is_disjoint_complete_and_fair(sizes: dict[str, int], fraction: float, seed: int) -> None:
    assume(can_be_split(sizes, fraction))
    table = recording(sizes, shuffle=seed)
    training, held_out = validation_split(table, fraction, seed)
    assert sorted([*training, *held_out]) == list(range(len(table)))  # every row once: disjoint and complete
    assert training.tolist() == sorted(training)
    assert held_out.tolist() == sorted(held_out)
    for subject, count in sizes.items():
        assert abs(len(times_of(table, held_out, subject)) - fraction * count) <= 1
        assert times_of(table, training, subject)


@quick
@given(sizes=SIZES, others=SIZES, fraction=FRACTIONS, seed=SEEDS)
def test_validation_split_of_a_person_ignores_everybody_else(
    sizes: dict[str, int], others: dict[str, int], fraction: float, seed: int
) -> None:
    assume(can_be_split(sizes, fraction))
    alone, together = recording(sizes), recording(others | sizes, shuffle=seed)
    _, held_out_alone = validation_split(alone, fraction, seed)
    _, held_out_together = validation_split(together, fraction, seed)
    for subject in sizes:
        assert times_of(alone, held_out_alone, subject) == times_of(together, held_out_together, subject)


def test_validation_split_depends_on_the_seed() -> None:
    table = recording({"ann": 40})
    assert validation_split(table, 0.5, seed=0)[1].tolist() != validation_split(table, 0.5, seed=1)[1].tolist()


def test_validation_split_holds_out_other_moments_of_other_people() -> None:
    """Both have 40 rows; the same 20 seconds for both would be one chance in 40! / (20! 20!), about 1e-11."""
    table = recording({"ann": 40, "ben": 40})
    _, held_out = validation_split(table, 0.5, seed=0)
    assert times_of(table, held_out, "ann") != times_of(table, held_out, "ben")


def test_validation_split_of_80_rows() -> None:
    """Section 4: 20 % of each; 0.2 x 80 = 16 and 0.2 x 40 = 8."""
    table = recording({"ann": 80, "ben": 40})
    training, held_out = validation_split(table, 0.2, seed=3)
    assert (len(times_of(table, held_out, "ann")), len(times_of(table, held_out, "ben"))) == (16, 8)
    assert len(training) == 96


def test_validation_split_of_too_few_rows_is_refused() -> None:
    """0.2 x 2 = 0.4 rounds to no row at all, so there would be nothing to validate on."""
    with pytest.raises(BadInput, match="no subject has rows enough to hold 20% of them out"):
        validation_split(recording({"ann": 2, "ben": 2}), 0.2, seed=0)
