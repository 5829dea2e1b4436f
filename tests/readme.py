"""The documents' blocks of commands and of Python, run as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.warm_commands import warm_programs

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"<!-- test: (?P<name>[^>]+) -->\n```(?P<language>bash|python)\n(?P<text>.*?)```", re.DOTALL)


class Block(NamedTuple):
    """Some lines of a document that are run."""

    name: str
    language: str
    text: str


def blocks_of(document: str) -> list[Block]:
    """Return the blocks below ``<!-- test: NAME -->``, in their order."""
    return [Block(found["name"], found["language"], found["text"]) for found in _BLOCK.finditer(document)]


def run_document(path: Path, folder: Path) -> str:
    """Run all blocks of a document, one after the other in a folder, and return what they print."""
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    assert blocks, path
    return "".join(run_one(block, folder) for block in blocks)


def run_block(name: str, folder: Path) -> str:
    """Run the README's block of this name in a folder and return what it prints."""
    (block,) = [block for block in blocks_of(README) if block.name == name]
    return run_one(block, folder)


def run_one(block: Block, folder: Path) -> str:
    """Run one block in a folder and return what it prints."""
    if block.language == "bash":
        return run_script(block.text, folder)
    (folder / "block.py").write_text(block.text, encoding="utf-8")
    return run_script("python block.py", folder)


def run_script(script: str, folder: Path) -> str:
    """Run shell commands in a folder, with this environment's programs, and return what they print."""
    programs = os.pathsep.join([str(warm_programs()), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": programs, "OMP_NUM_THREADS": "1"}
    command = ["bash", "-c", f"set -e\n{script}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
