"""What the shell completes after TAB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from pen_mobile.bundle.recipe import recipe_names
from pen_mobile.cli.main import cli
from pen_mobile.contract.strategy import ON_PHONES
from pen_mobile.simulation.device_profile import profile_names

PROGRAM = Path(sys.executable).parent / "pen-mobile"


def completed(words: str, incomplete: str = "") -> list[str]:
    completion = BashComplete(cli, {}, "pen-mobile", "_PEN_MOBILE_COMPLETE")
    return [item.value for item in completion.get_completions(words.split(), incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ("export run --recipe", "", recipe_names()),
        ("export run --recipe", "android-i", ["android-int8"]),
        ("simulate-day bundle --profile", "", profile_names()),
        ("adapt bundle --strategy", "", [str(name) for name in ON_PHONES]),
        ("simulate-day bundle --ask", "k-", ["k-centre"]),
        ("train", "synth", ["synthetic", "synthetic:"]),
        ("phone", "ro", ["rollback"]),
    ],
)
def test_values(words: str, incomplete: str, expected: list[str]) -> None:
    assert completed(words, incomplete) == expected


def test_a_recipe_file_is_completed_by_the_shell() -> None:
    (item,) = BashComplete(cli, {}, "pen-mobile", "_PEN_MOBILE_COMPLETE").get_completions(
        ["export", "run", "--recipe"], "my/"
    )
    assert item.type == "file"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_prints_what_a_shell_evaluates(shell: str) -> None:
    environment = os.environ | {"_PEN_MOBILE_COMPLETE": f"{shell}_source"}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert "_PEN_MOBILE_COMPLETE" in done.stdout, done.stderr
