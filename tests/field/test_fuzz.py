"""A short fuzz of every kind of file: a result or one line, never a traceback, a hang, or memory without end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nightly import times

SECONDS = {
    "images": times(4, nightly=12),
    "tables": times(4, nightly=12),
    "arff": times(2, nightly=6),
    "json": times(3, nightly=8),
    "videos": times(7, nightly=20),
}
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(SECONDS))
def test_damaged_files_give_a_result_or_one_line(kind: str) -> None:
    """In a process of its own, so that a crash of a decoder or its memory is seen, too."""
    command = [sys.executable, "-m", "tests.field.fuzz", kind, "--seconds", str(SECONDS[kind])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["refused"] > 10
