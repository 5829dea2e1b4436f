"""The arrows between rooms, and what must stay out of some of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pen_mobile"


def test_import_contracts_hold() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_phone_never_touches_autograd() -> None:
    """No name of torch's training machinery stands in the phone's room; torch only wraps arrays there."""
    forbidden = {"autograd", "backward", "requires_grad", "requires_grad_", "optim", "nn", "enable_grad"}
    files = sorted((PACKAGE / "phone").rglob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text())
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & forbidden, file.name


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help answers at once because none of the libraries that take seconds to import is imported."""
    code = (
        "import sys, contextlib\n"
        "from pen_mobile.cli.main import cli\n"
        f"with contextlib.suppress(SystemExit): cli({arguments!r})\n"
        "heavy = {'torch', 'executorch', 'lightning_fabric', 'cv2', 'numpy', 'rich', 'pydantic', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
