"""Targets by name and the scale of their labels."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.targets import VALENCE_AROUSAL, Targets

PACKAGE = Path(__file__).parent.parent / "pen_mobile"
NAME_TWO = {
    "targets.py",  # the default
    "reports/glossary.py",
    "data/columns/names.py",  # what these columns are called by mistake
    *(f"data/readers/{name}.py" for name in ("afew_va", "aff_wild2", "recola")),  # data sets that have these two
}
"""Files that may name valence and arousal; the paper's protocol, which is about them, may, too."""


def test_labels_go_to_the_unit_scale_and_back() -> None:
    """1, 3, 5 and 9 of [1, 9], whose middle is 5 and half width 4: -1, -0.5, 0 and 1."""
    targets = Targets(("engagement",), (1, 9))
    labels = np.array([[1], [3], [5], [9]], np.float32)
    unit = targets.to_unit(labels)
    assert unit[:, 0].tolist() == [-1, -0.5, 0, 1]
    np.testing.assert_array_equal(targets.to_labels(unit), labels)


def test_the_usual_range_changes_no_bit() -> None:
    labels = np.array([[0.1, -0.7]], np.float32)
    assert VALENCE_AROUSAL.to_unit(labels) is labels
    assert VALENCE_AROUSAL.to_labels(labels) is labels


def test_what_lies_outside_is_found() -> None:
    found = Targets(("pain",), (0, 10)).outside(np.array([-0.1, 0, 10, 10.1, np.nan]))
    assert found.tolist() == [True, False, False, True, True]


def test_options_of_the_command_line() -> None:
    assert Targets.parse(None, None) is None
    assert Targets.parse("Valence, dominance", None) == Targets(("valence", "dominance"))
    assert Targets.parse(None, "1,9") == Targets(label_range=(1, 9))


@pytest.mark.parametrize(
    ("names", "label_range", "message"),
    [
        (",".join(f"t{number}" for number in range(9)), None, "9 targets are named; a model estimates 1 to 8"),
        ("joy,joy", None, "two have one name"),
        ("subject", None, "target 'subject'"),
        ("2nd", None, "target '2nd'"),
        (None, "9,1", r"\[9, 1\] does not ascend"),
        (None, "1,inf", r"\[1, inf\] does not ascend"),
        (None, "1", "--label-range 1: give the smallest and the largest label"),
        (None, "one,two", "--label-range one,two"),
    ],
)
def test_what_cannot_be_is_refused(names: str | None, label_range: str | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Targets.parse(names, label_range)


def test_nothing_else_knows_what_a_model_estimates() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if place in NAME_TWO or place.startswith("paper/"):
            continue
        texts = [
            node.value
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        ]
        assert not {"valence", "arousal"} & {text for text in texts if isinstance(text, str)}, place
