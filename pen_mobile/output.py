"""What a command hands to its caller: one JSON document, or a few lines and tables for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

import click

from pen_mobile.files import to_json
from pen_mobile.progress import SILENT, Progress

_WIDTH_WHEN_PIPED = 160


class View:
    """Lines and tables for people."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        """Print one line."""
        click.echo(text, file=self._stream)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table; columns of numbers are aligned to the right."""
        from rich import box
        from rich.console import Console
        from rich.table import Table

        cells = [list(row) for row in rows]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column, title in enumerate(head):
            numeric = bool(cells) and all(_is_number(row[column]) for row in cells)
            table.add_column(title, justify="right" if numeric else "left", overflow="fold")
        for row in cells:
            table.add_row(*row)
        width = None if self._stream.isatty() else _WIDTH_WHEN_PIPED
        Console(file=self._stream, highlight=False, markup=False, width=width).print(table)


class Output:
    """Where one command's results and progress go.

    Attributes:
        progress: shown on standard error, unless quiet.
    """

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._as_json, self._quiet = as_json, quiet
        self._out, err = self._streams()
        self.progress: Progress = SILENT
        if not quiet:
            from pen_mobile.console import TerminalProgress

            self.progress = TerminalProgress(err)

    def finish(self, document: dict[str, Any], tell: Callable[[View], Any]) -> None:
        """Print the JSON document, or let ``tell`` print for people."""
        if self._as_json:
            click.echo(to_json(document), nl=False, file=self._out)
        elif not self._quiet:
            tell(View(self._out))

    def _streams(self) -> tuple[IO[str], IO[str]]:
        """Claim the terminal when this process is the command line's own, and not a test's or an application's."""
        context = click.get_current_context(silent=True)
        session = None if context is None else context.find_root().obj
        if session is None:
            return sys.stdout, sys.stderr
        from pen_mobile.console import claim_streams

        streams = claim_streams(session.debug)
        session.err = streams.err
        return streams.out, streams.err


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").replace(".", "").lstrip("-").replace("e-", "").isdigit()
