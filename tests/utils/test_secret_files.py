"""A key that other users may read is named in one line, where progress is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pen_mobile.utils.progress import SILENT
from pen_mobile.utils.secret_files import warn_of_open_key


class Said:
    """Progress of which only the lines that stay are kept."""

    task = SILENT.task

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def said_of(path: Path) -> list[str]:
    said = Said()
    warn_of_open_key(path, said)
    return said.lines


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_key_that_others_may_read_or_change_is_one_line(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    (line,) = said_of(key)
    assert line.startswith(f"{key}: other users of this machine may read or change this key (mode {mode:o});")
    assert line.endswith(f"chmod 600 {key}")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_key_is_not_mentioned(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    assert said_of(key) == []


def test_a_pipe_and_a_missing_file_are_not_mentioned(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    assert said_of(tmp_path / "pipe") == []
    assert said_of(tmp_path / "none") == []
