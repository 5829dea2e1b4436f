"""Lines and tables for people: as text in a terminal, as HTML in a notebook."""

from __future__ import annotations

import io
from collections.abc import Iterable
from html import escape

from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import visible

_WIDTH = 160  # of a table that is not printed on a terminal


class Readable:
    """A result that ``print`` and notebooks show as lines and tables."""

    def as_parts(self) -> list[Part]:
        """Return lines and tables; the first line says what the result is."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the lines and tables as text."""
        return "".join(part_text(part) for part in self.as_parts()).rstrip("\n")

    def __repr__(self) -> str:
        """Return the first line."""
        first = next((part for part in self.as_parts() if isinstance(part, str)), "")
        return f"<{type(self).__name__}: {visible(first)}>"

    def _repr_html_(self) -> str:
        return parts_html(self.as_parts())


def part_text(part: Part, terminal: bool = False) -> str:
    """Return a line, or a table drawn with lines; a table without rows is nothing.

    Args:
        part: line or table.
        terminal: whether the text is for a terminal: its width is used, and bold cells are bold.
    """
    if not isinstance(part, Table):
        return f"{visible(part)}\n"
    return _table_text(part, terminal) if part.rows else ""


def parts_html(parts: Iterable[Part]) -> str:
    """Return lines as paragraphs, and tables.

    Args:
        parts: lines and tables; empty lines and tables without rows are left out.
    """
    blocks = []
    for part in parts:
        if isinstance(part, Table):
            blocks.append(part.to_html() if part.rows else "")
        elif part:
            blocks.append(f"<p>{escape(visible(part))}</p>")
    return "\n".join(filter(None, blocks))


def _table_text(table: Table, terminal: bool) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, numeric in zip(table.titles(), table.numeric(), strict=True):
        grid.add_column(visible(title), justify="right" if numeric else "left", overflow="fold")
    for row in table.lines():
        grid.add_row(*(Text(visible(str(cell)), "bold" if cell.bold else "") for cell in row.entries))
    text = io.StringIO()
    width = None if terminal else _WIDTH
    Console(file=text, highlight=False, markup=False, width=width, force_terminal=terminal).print(grid)
    return text.getvalue()
