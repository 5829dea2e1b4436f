"""Two results of one benchmark are compared by rows; what got worse decides the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "benchmarks" / "compare.py"


def write(path: Path, rows: Any, question: str = "How long?", machine: str = "here") -> Path:
    path.write_text(json.dumps({"question": question, "machine": machine, "rows": rows}))
    return path


def row(milliseconds: tuple[float, float, float], **more: Any) -> dict[str, Any]:
    """One row; milliseconds are lower quartile, median, upper quartile."""
    lower, median, upper = milliseconds
    return {"D_z": 64, "variant": "ours", "ms": {"lower": lower, "median": median, "upper": upper}, **more}


def compare(tmp_path: Path, old: Any, new: Any, *options: str) -> tuple[int, str]:
    files = write(tmp_path / "old.json", old), write(tmp_path / "new.json", new)
    return run(*map(str, files), *options)


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_slower_beyond_the_spread_is_worse(tmp_path: Path) -> None:
    """1.0 -> 1.2 is +20 %, and [0.9, 1.1] lies below [1.15, 1.3]."""
    code, text = compare(tmp_path, [row((0.9, 1.0, 1.1))], [row((1.15, 1.2, 1.3))])
    assert code == 1
    assert "worse   64, ours | ms: 1 -> 1.2 (+20 %)" in text


def test_slower_within_the_spread_is_the_same(tmp_path: Path) -> None:
    """The median moves by 20 % too, but [0.9, 1.16] reaches into [1.15, 1.3]."""
    code, text = compare(tmp_path, [row((0.9, 1.0, 1.16))], [row((1.15, 1.2, 1.3))])
    assert code == 0
    assert "0 worse, 0 gone, 0 better, 1 same" in text


def test_the_tolerance_is_per_cent(tmp_path: Path) -> None:
    """1.00 -> 1.04 with tight quartiles: 4 % is allowed by default, not with a tolerance of 3."""
    old, new = [row((0.99, 1.0, 1.01))], [row((1.03, 1.04, 1.05))]
    assert compare(tmp_path, old, new)[0] == 0
    assert compare(tmp_path, old, new, "--tolerance", "3")[0] == 1


@pytest.mark.parametrize("column", ["frames/s", "CCC person", "cosine"])
def test_some_columns_are_better_when_they_are_more(tmp_path: Path, column: str) -> None:
    less, more = [{"size": "64 px", column: 0.5}], [{"size": "64 px", column: 0.9}]
    assert compare(tmp_path, less, more)[0] == 0
    assert compare(tmp_path, more, less)[0] == 1


def test_a_loss_of_ccc_is_better_when_it_is_less(tmp_path: Path) -> None:
    less, more = [{"size": "64 px", "CCC loss": 0.01}], [{"size": "64 px", "CCC loss": 0.02}]
    assert compare(tmp_path, less, more)[0] == 1
    assert compare(tmp_path, more, less)[0] == 0


def test_rows_are_matched_by_what_identifies_them_not_by_place(tmp_path: Path) -> None:
    one, two = row((0.9, 1.0, 1.1)), row((1.9, 2.0, 2.1)) | {"variant": "theirs"}
    assert compare(tmp_path, [one, two], [two, one])[0] == 0


def test_a_row_that_vanished_is_no_way_to_get_better(tmp_path: Path) -> None:
    one, two = row((0.9, 1.0, 1.1)), row((1.9, 2.0, 2.1)) | {"variant": "theirs"}
    code, text = compare(tmp_path, [one, two], [one])
    assert code == 1
    assert "gone    64, theirs | ms: 2 -> nothing" in text
    assert compare(tmp_path, [one], [one, two])[0] == 0


def test_a_measurement_that_became_a_remark_is_gone(tmp_path: Path) -> None:
    one = row((0.9, 1.0, 1.1))
    code, text = compare(tmp_path, [one], [one | {"ms": "does not install"}])
    assert code == 1
    assert "gone    64, ours" in text


def test_another_machine_is_said(tmp_path: Path) -> None:
    rows = [row((0.9, 1.0, 1.1))]
    files = write(tmp_path / "a.json", rows), write(tmp_path / "b.json", rows, machine="there")
    assert "other machine (here -> there)" in run(*map(str, files))[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not readable as JSON"),
        ("[]", "no rows"),
        ('{"question": "How long?", "rows": []}', "no rows"),
        ('{"question": "Why?", "rows": [{"ms": 1.0}]}', "different questions"),
        ('{"question": "How long?", "rows": [{"ms": {"median": 1}}]}', "no spread"),
        ('{"question": "How long?", "rows": [{"ms": NaN}]}', "not finite"),
        ('{"question": "How long?", "rows": [{"a": 1, "ms": 1.0}, {"a": 1, "ms": 2.0}]}', "two rows are both 1"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_2(tmp_path: Path, content: str, said: str) -> None:
    good, bad = write(tmp_path / "good.json", [{"ms": 1.0}]), tmp_path / "bad.json"
    bad.write_text(content)
    code, text = run(str(good), str(bad))
    assert code == 2
    assert said in text
    assert len(text.splitlines()) == 1


def test_a_missing_file_is_one_line_and_2(tmp_path: Path) -> None:
    code, text = run(str(tmp_path / "none.json"), str(tmp_path / "none.json"))
    assert code == 2
    assert len(text.splitlines()) == 1
