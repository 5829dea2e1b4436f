"""The README's first five minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme import run_block, run_script


@pytest.mark.slow
def test_the_demo_and_one_of_its_people(tmp_path: Path) -> None:
    """The demo as anyone runs it, then the same person again: the guard accepts as it did in the demo's own report."""
    run_script("pen-mobile demo --out demo", tmp_path)
    assert (tmp_path / "demo" / "report.html").stat().st_size > 100_000
    output = run_block("tested after the demo", tmp_path)
    assert "held-out error went from" in output
    assert "the bundle's initial head is in use again" in output
