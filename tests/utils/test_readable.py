"""Results as lines and tables: printed, and shown in notebooks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pen_mobile.utils.readable import Readable, part_text, parts_html
from pen_mobile.utils.table import Cell, Part, Row, Table

TABLE = Table(
    ("person", "CCC"), [("ann", "0.512"), Row((Cell("ben"), Cell("-0.031", bold=True)))], groups=[("after", 1)]
)


@dataclass(frozen=True, repr=False)
class Result(Readable):
    """A result with one line, a table, and an empty table."""

    line: str

    def as_parts(self) -> list[Part]:
        return [self.line, TABLE, Table(("nothing",), []), "done"]


def test_print_shows_lines_and_tables() -> None:
    lines = str(Result("fine <1>")).split("\n")
    assert lines[0] == "fine <1>"
    assert lines[-1] == "done"
    assert any(line.split() == ["person", "after", "CCC"] for line in lines)
    assert any(line.split() == ["ben", "-0.031"] for line in lines)
    assert "nothing" not in str(Result(""))


def test_repr_is_one_line() -> None:
    assert repr(Result("fine")) == "<Result: fine>"


def test_notebooks_get_html() -> None:
    page = Result("fine <1>")._repr_html_()
    assert page.startswith("<p>fine &lt;1&gt;</p>")
    assert page.count("<table") == 1
    assert parts_html(["", TABLE]).startswith("<div")


def test_bold_cells_are_bold_on_a_terminal_only() -> None:
    assert re.search(r"\x1b\[1m *-0\.031", part_text(TABLE, terminal=True))
    assert "\x1b[" not in part_text(TABLE)
