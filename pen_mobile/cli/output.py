"""What a command hands to its caller: one JSON document, or a few lines and tables for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from pen_mobile.utils.files import to_json
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.table import Part

_WIDTH_WHEN_PIPED = 160


Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""A path on the command line."""


def output_options(command: Command) -> Command:
    """Add ``--json`` and ``-q``; the command passes both to :class:`Output`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
    quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and JSON when asked for).")
    return as_json(quiet(command))


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
            from pen_mobile.cli.console import TerminalProgress

            self.progress = TerminalProgress(err)

    def mute(self) -> None:
        """Say nothing from now on: another process of the same command does."""
        self._as_json, self._quiet, self.progress = False, True, SILENT

    def finish(self, document: dict[str, Any], parts: Iterable[Part]) -> None:
        """Print the JSON document when it was asked for, else the parts for people."""
        if self._as_json:
            click.echo(to_json(document), nl=False, file=self._out)
        elif not self._quiet:
            for part in parts:
                self._print(part)

    def _print(self, part: Part) -> None:
        if isinstance(part, str):
            click.echo(part, file=self._out)
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table as Grid

        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
        for title, numeric in zip(part.head, part.numeric(), strict=True):
            grid.add_column(title, justify="right" if numeric else "left", overflow="fold")
        for row in part.texts():
            grid.add_row(*row)
        width = None if self._out.isatty() else _WIDTH_WHEN_PIPED
        Console(file=self._out, highlight=False, markup=False, width=width).print(grid)

    def _streams(self) -> tuple[IO[str], IO[str]]:
        """Claim the terminal when this process is the command line's own, and not a test's or an application's."""
        context = click.get_current_context(silent=True)
        session = None if context is None else context.find_root().obj
        if session is None:
            return sys.stdout, sys.stderr
        from pen_mobile.cli.console import claim_streams

        streams = claim_streams(session.debug)
        session.err = streams.err
        return streams.out, streams.err
