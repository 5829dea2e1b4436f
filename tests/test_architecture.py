"""The arrows between rooms, and what must stay out of some of them."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pen_mobile"
SOURCES = sorted(PACKAGE.rglob("*.py"))
REPLACED_NAMES = """
ahead apart aside asker canvas collection confinement course drawing eq8 exported film gallery inspection judge kept
lived lockstep moment outcome owner pace page people plausible population reference references run sealing shortcuts
states takeout target_splits unfinished vault verify_apart ways work workers
"""
"""Module names of the first edition that were replaced by words of the field."""


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {f"{node.module}" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_import_contracts_hold() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_every_module_is_in_a_layer() -> None:
    """The layers name every room and every module beside them, and nothing that is not there."""
    contracts = configparser.ConfigParser()
    contracts.read(PACKAGE.parent / ".importlinter")
    layers = contracts["importlinter:contract:arrows"]
    assert layers["exhaustive"] == "True"
    listed = re.findall(r"\w+", layers["layers"])
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(listed) == there - {"__init__"}
    assert len(listed) == len(set(listed))


def test_every_folder_of_modules_is_a_package() -> None:
    """Without ``__init__.py`` the import linter would not see a folder."""
    assert {path.parent for path in SOURCES} == {path.parent for path in SOURCES if path.name == "__init__.py"}


@pytest.mark.parametrize(
    "room", sorted({path.relative_to(PACKAGE).parts[0] for path in SOURCES} - {"cli", "__main__.py"})
)
def test_nothing_below_the_command_line_imports_it(room: str) -> None:
    files = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] == room]
    wrong = {path.name for path in files for name in imports_of(path) if name.startswith("pen_mobile.cli")}
    assert not wrong


def test_no_module_has_a_name_of_the_first_edition() -> None:
    assert not set(REPLACED_NAMES.split()) & {path.stem for path in SOURCES}


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


def loaded_after(code: str) -> set[str]:
    """Return the heavy libraries that are loaded in a new process after some code."""
    heavy = {"torch", "executorch", "lightning_fabric", "cv2", "numpy", "rich", "pydantic", "matplotlib", "pandas"}
    script = f"import sys\n{code}\nprint('loaded', *({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()) - {"loaded"}


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help answers at once because none of the libraries that take seconds to import is imported."""
    run = f"with contextlib.suppress(SystemExit): cli({arguments!r})"
    code = f"import contextlib\nfrom pen_mobile.cli.main import cli\n{run}"
    assert loaded_after(code) == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import pen_mobile\ndir(pen_mobile)\npen_mobile.__version__") == set()
