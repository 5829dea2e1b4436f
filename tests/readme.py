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


def run_document(path: Path, folder: Path, after: str = "") -> str:
    """Run all blocks of a document, one after the other in a folder, and return what they print.

    Args:
        path: of the document.
        folder: to run it in.
        after: the README's block that has run in the folder; its commands are not run again.
    """
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    assert blocks, path
    done = readme_block(after).text.splitlines() if after else []
    return "".join(run_one(_without(block, done), folder) for block in blocks)


def readme_block(name: str) -> Block:
    """Return the README's block of this name."""
    (block,) = [block for block in blocks_of(README) if block.name == name]
    return block


def _without(block: Block, done: list[str]) -> Block:
    return block._replace(text="\n".join(line for line in block.text.splitlines() if line not in done))


def run_block(name: str, folder: Path) -> str:
    """Run the README's block of this name in a folder and return what it prints."""
    return run_one(readme_block(name), folder)


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


def assert_git_ignores_all(folder: Path) -> None:
    """Insist that git would ignore what commands left in a folder if that were the clone: keys and stores above all."""
    if not (REPOSITORY / ".git").exists():
        return
    names = [path.name + "/" * path.is_dir() for path in folder.iterdir()]
    asked = ["git", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(
        asked, cwd=REPOSITORY, input="\n".join(names), capture_output=True, text=True, check=False, timeout=60
    )
    assert sorted(set(names) - set(done.stdout.splitlines())) == []
