"""Every benchmark runs in its quick form, so that none rots; times are not judged here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.warm_commands import warm_programs

FOLDER = Path(__file__).parent.parent.parent / "benchmarks"
KEEP_BUNDLES = {"adapting.py", "personalize.py"}
HELPERS = {"bundles.py", "compare.py", "measure.py", "plots.py", "tables.py"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first benchmark leaves its tiny bundle for the second."""
    return tmp_path_factory.mktemp("bundles")


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.py") if path.name not in HELPERS))
def test_quick_form(script: str, bundles: Path) -> None:
    options = ["--bundles", str(bundles)] if script in KEEP_BUNDLES else []
    command = [warm_programs() / "run-script", FOLDER / script, "--quick", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
