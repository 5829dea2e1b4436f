"""The measures of the code, on sources small enough to count by hand."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools.code_quality import ROWS, Module, import_cycles, measure, modules_of, strongly_connected

SOURCE = '''"""A module."""
from dataclasses import dataclass

@dataclass
class Holder:
    """Two numbers."""
    a: int
    b: int

@dataclass
class Square:
    """A side with a method."""
    side: int

    def area(self) -> int:
        """Return the area."""
        return self.side**2

class Front:
    """A class that only forwards."""

    def read(self, row: int) -> int:
        """Return a row.

        Args:
            row: number.
        """
        return self._table.read(row)

    def write(self, row):
        with self._lock:
            self._table.write(row)

    def count(self) -> int:
        """Return how many."""
        total = self._table.count()
        return total + 1
'''


def module(name: str, text: str) -> Module:
    return Module(name, text.count("\n"), ast.parse(text))


def test_everything_is_counted() -> None:
    """4 functions: area, read, write, count of 2, 2, 3 and 3 lines without their docstrings; 2 take arguments."""
    found = measure([module("pen_mobile.phone.front", SOURCE)])
    assert sorted(count for count, _ in found.function_lines) == [2, 2, 3, 3]
    assert ROWS["lines of code of a function, median"](found) == "2.5"
    assert [where.split()[-1] for where in found.not_annotated] == ["Front.write"]
    assert [where.split()[-1] for where in found.not_documented] == ["Front.write"]
    assert ROWS["public docstrings"](found) == "87.5 %"  # module, 3 classes, 3 of 4 methods
    assert ROWS["Args in public functions with arguments"](found) == "50.0 %"
    assert [where.split()[-1] for where in found.holders] == ["Holder"]
    assert [where.split()[-1] for where in found.facades] == ["Front"]


def test_cycles_count_imports_inside_functions_but_not_those_for_types() -> None:
    one = module("pen_mobile.one", "def f():\n    from pen_mobile.two import g\n")
    two = module("pen_mobile.two", "import pen_mobile.one\n")
    typed = module("pen_mobile.two", "if TYPE_CHECKING:\n    import pen_mobile.one\n")
    assert import_cycles([one, two]) == ["pen_mobile.one <-> pen_mobile.two"]
    assert import_cycles([one, typed]) == []
    assert strongly_connected({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"a"}, {"b", "c"}]


@pytest.mark.slow
def test_the_checkout_has_no_cycle_and_every_function_is_annotated() -> None:
    found = measure(modules_of(None))
    assert found.files > 100
    assert found.cycles == []
    assert found.not_annotated == []


@pytest.mark.slow
def test_the_command_prints_both_columns() -> None:
    tool = Path(__file__).parent.parent.parent / "tools" / "code_quality.py"
    done = subprocess.run(
        [sys.executable, tool, "--against", "HEAD", "--list", "cycles"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["HEAD", "this"]


def test_a_class_that_inherits_a_method_is_no_holder() -> None:
    text = (
        "from dataclasses import dataclass\nfrom typing import NamedTuple\n"
        "class Result:\n    def to_dict(self): ...\n"
        "@dataclass\nclass A(Result):\n    x: int\n"
        "@dataclass\nclass B:\n    x: int\n"
        "class C(NamedTuple):\n    x: int\n"
    )
    found = measure([module("pen_mobile.records", text)])
    assert [where.split()[-1] for where in found.holders] == ["B", "C"]


def test_classes_that_pydantic_validates_are_counted_as_records_of_files() -> None:
    models = "from pydantic import BaseModel\nclass Part(BaseModel):\n    x: int\nclass File(Part):\n    y: int\n"
    checked = "from pydantic.dataclasses import dataclass\n@dataclass(frozen=True)\nclass Config:\n    x: int\n"
    plain = "from dataclasses import dataclass\n@dataclass\nclass Pair:\n    x: int\n"
    texts = {"pen_mobile.a": models, "pen_mobile.b": checked, "pen_mobile.c": plain}
    found = measure([module(name, text) for name, text in texts.items()])
    assert [where.split()[-1] for where in found.records] == ["Part", "File", "Config"]
    assert [where.split()[-1] for where in found.holders] == ["Pair"]
