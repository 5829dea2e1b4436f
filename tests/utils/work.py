"""Work for other processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def say_hello(report: Callable[[str], None]) -> str:
    report("a word")
    return "hello"


def touch(path: Path) -> None:
    path.touch()
