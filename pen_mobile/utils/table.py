"""The one table model: commands print it, pages and notebooks show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, Union

from pen_mobile.utils.text import visible

Tone = Literal["", "better", "worse", "muted"]
Kind = Literal["plain", "reference", "total", "title"]

_NUMBER = re.compile(
    r"[+-]?[\d,]*\.?\d+(e-?\d+)?"  # 1,200.5 or 3e-05
    r"%?( ± [\d.]+)?( to [+-]?[\d.]+)?"
    r"( ?(%|s|ms|min|h|MB|kB|bytes|byte))?"
)
_LONG = 34  # characters of a cell that make a table unfit for the width of a phone


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Attributes:
        text: number or words.
        bold: whether it stands out, as the best of a column does.
        note: a second line in small type.
        tone: ``better`` and ``worse`` are coloured, ``muted`` is grey.
    """

    text: str
    bold: bool = False
    note: str = ""
    tone: Tone = ""

    def __str__(self) -> str:
        """Return plain text, with the note in parentheses."""
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        cells: one for each column; a ``title`` has a single one.
        kind: ``reference`` is a baseline, ``total`` the last line, ``title`` a heading above the lines that follow.
    """

    cells: Sequence[Cell | str]
    kind: Kind = "plain"

    @property
    def entries(self) -> list[Cell]:
        """The cells, those of plain text included."""
        return [cell if isinstance(cell, Cell) else Cell(cell) for cell in self.cells]

    def to_html(self, head: Sequence[str], numeric: Sequence[bool]) -> str:
        """Return a ``<tr>``.

        Args:
            head: titles of the columns, shown beside each cell on a narrow screen.
            numeric: whether each column holds numbers.
        """
        first, *others = self.entries
        if self.kind == "title":
            return f'<tr class="title"><th scope="rowgroup" colspan="{len(head)}">{_cell_html(first)}</th></tr>'
        cells = "".join(
            f'<td data-label="{escape(title)}"{_align(right)}>{_cell_html(cell)}</td>'
            for cell, title, right in zip(others, head[1:], numeric[1:], strict=True)
        )
        kind = f' class="{self.kind}"' if self.kind != "plain" else ""
        return f'<tr{kind}><th scope="row"{_align(numeric[0])}>{_cell_html(first)}</th>{cells}</tr>'


@dataclass(frozen=True)
class Table:
    """A table for people; columns of numbers are aligned to the right.

    Attributes:
        head: titles of the columns.
        rows: lines; a sequence of cells is a plain line.
        caption: title of the table.
        groups: titles above several columns, with their number of columns; they begin at the second column.
    """

    head: Sequence[str]
    rows: Sequence[Row | Sequence[Cell | str]]
    caption: str = ""
    groups: Sequence[tuple[str, int]] = ()

    def lines(self) -> list[Row]:
        """Return all rows, plain ones included."""
        return [row if isinstance(row, Row) else Row(row) for row in self.rows]

    def titles(self) -> list[str]:
        """Return the titles of the columns, each with the title of its group."""
        groups = [title for title, count in self.groups for _ in range(count)]
        groups = ["", *groups, *([""] * len(self.head))][: len(self.head)]
        return [" ".join(filter(None, pair)) for pair in zip(groups, self.head, strict=True)]

    def texts(self) -> list[list[str]]:
        """Return every row as plain text; a title is followed by empty entries."""
        return [[str(cell) for cell in row.cells] + [""] * (len(self.head) - len(row.cells)) for row in self.lines()]

    def numeric(self) -> list[bool]:
        """Return for each column whether it holds nothing but numbers and dashes."""
        lines = [row.entries for row in self.lines() if row.kind != "title"]
        columns = zip(*lines, strict=True) if lines else [()] * len(self.head)
        return [bool(lines) and all(_is_number(cell) for cell in column) for column in columns]

    def to_html(self) -> str:
        """Return a ``<table>`` in a box that scrolls; a table with long text becomes a list on a narrow screen."""
        numeric = self.numeric()
        long = len(self.head) > 2 and any(len(str(cell)) > _LONG for row in self.lines() for cell in row.cells)
        body = "\n".join(row.to_html(self.head, numeric) for row in self.lines())
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        label = f' tabindex="0" role="region" aria-label="{escape(self.caption)}"' if self.caption else ""
        return (
            f'<div class="scroll"{label}><table class="{"stack" if long else "grid"}">{caption}\n'
            f"<thead>{self._groups_html()}{self._head_html(numeric)}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def _groups_html(self) -> str:
        if not self.groups:
            return ""
        titles = "".join(
            f'<th scope="colgroup" colspan="{count}" class="group">{escape(title)}</th>' for title, count in self.groups
        )
        return f"<tr><th></th>{titles}</tr>"

    def _head_html(self, numeric: Sequence[bool]) -> str:
        titles = (
            f'<th scope="col"{_align(right)}>{escape(title)}</th>'
            for title, right in zip(self.head, numeric, strict=True)
        )
        return f"<tr>{''.join(titles)}</tr>"


Part = Union[str, Table]  # noqa: UP007  evaluated at run time, on Python 3.10 too
"""Output of a command for people: a line or a table."""


def invented(synthetic: bool) -> str:
    """Return the remark that must stand beside every number about invented people.

    Args:
        synthetic: whether the people are invented.
    """
    return " (synthetic people: not comparable with real recordings)" if synthetic else ""


def _cell_html(cell: Cell) -> str:
    text = escape(typographic(visible(cell.text)))
    text = f"<strong>{text}</strong>" if cell.bold else text
    text = f'<span class="mark {cell.tone}">{text}</span>' if cell.tone else text
    return f"{text}<small>{escape(typographic(visible(cell.note)))}</small>" if cell.note else text


def typographic(text: str) -> str:
    """Return a number with a real minus sign, and a dash for a missing one; other text stays.

    Args:
        text: content of a cell.
    """
    if text == "-":
        return "\N{EN DASH}"
    return text.replace("-", "\N{MINUS SIGN}") if _NUMBER.fullmatch(text) else text


def _is_number(cell: Cell) -> bool:
    return cell.text in ("", "-") or _NUMBER.fullmatch(cell.text) is not None


def _align(right: bool) -> str:
    return ' class="num" style="text-align:right"' if right else ' style="text-align:left"'
