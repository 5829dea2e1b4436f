"""Phones of the people of a table: whose labels they take, when these were given, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pen_mobile as pen
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.personalization import adapt_one
from pen_mobile.phone.phone import Phone
from pen_mobile.targets import Targets


def a_table(role: str = "target") -> FeatureTable:
    """One person, 60 moments, a second each."""
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((60, 16), dtype=np.float32), rng.uniform(-0.5, 0.5, (60, 2)).astype(np.float32)
    return FeatureTable(np.full(60, "ann"), np.full(60, role), np.arange(60.0), y, z)


def test_labels_of_one_recording_have_one_start_whenever_they_are_given(small_bundle: Path) -> None:
    """A second command, later, draws other moments and some of the same: all keep their distances in time."""
    table = a_table()
    with Phone.open(small_bundle) as phone:
        for seed in (1, 0):
            adapt_one(phone, table, "ann", 20, seed)
        kept = phone.store.samples()
    seconds = {row.tobytes(): second for second, row in enumerate(table.features)}
    starts = [when - seconds[row.tobytes()] for row, when in zip(kept.features, kept.captured_at, strict=True)]
    assert len(starts) > 20
    assert np.ptp(starts) < 1e-3


@pytest.mark.parametrize(
    ("table", "wish", "message"),
    [
        (a_table("source"), {}, "nobody has the role 'target'"),
        (a_table(), {"labels": 0}, "labels is 0"),
        (a_table(), {"seed": -1}, "seed is -1"),
        (
            replace(a_table(), targets=Targets(("arousal", "valence"))),
            {},
            r"the labels are arousal, valence \(\[-1, 1\]\)",
        ),
        (
            replace(a_table(), targets=Targets(label_range=(-2, 2))),
            {},
            r"the bundle's are valence, arousal \(\[-1, 1\]\)",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    small_bundle: Path, table: FeatureTable, wish: dict[str, int], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        pen.evaluate(small_bundle, table, **wish)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
