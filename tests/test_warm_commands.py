"""Commands of documents behave as if they had been started from nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.readme import run_script
from tests.warm_commands import warm_programs

pytestmark = pytest.mark.slow


def test_arguments_folder_environment_and_streams_are_handed_over(small_bundle: Path, tmp_path: Path) -> None:
    assert "intact and equal to its own golden vectors" in run_script(f"pen-mobile verify {small_bundle}", tmp_path)
    script = f"PEN_MOBILE_MAX_CALL_SECONDS=soon pen-mobile predict {small_bundle} none.png 2>&1 || echo code $?"
    said = run_script(script, tmp_path)
    assert "PEN_MOBILE_MAX_CALL_SECONDS" in said
    assert said.endswith("code 2\n")
    assert run_script("pen-mobile --version | wc -l", tmp_path).strip() == "1"


def test_a_failing_command_ends_its_script(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing"):
        run_script("pen-mobile verify nothing\necho not reached", tmp_path)


def test_it_starts_at_once_and_its_modules_are_there(tmp_path: Path) -> None:
    """The children are forks: what the first process loaded is loaded."""
    done = subprocess.run([warm_programs() / "pen-mobile", "doctor"], capture_output=True, text=True, check=False)
    assert "torch" in done.stdout
