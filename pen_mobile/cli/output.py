"""What a command hands to its caller: one JSON document, or a few lines and tables for people."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import IO, Any, TypeVar, cast

import click

from pen_mobile.cli.session import REFUSED, Session
from pen_mobile.errors import BadInput
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.table import Part

Command = TypeVar("Command", bound=Callable[..., Any])


def output_options(command: Command) -> Command:
    """Add ``--json`` and ``-q``; the command gets an :class:`Output` as argument ``output``.

    Args:
        command: function of a command.
    """

    @functools.wraps(command)
    def run(*args: Any, as_json: bool, quiet: bool, **options: Any) -> Any:
        return command(*args, output=Output(as_json, quiet), **options)

    json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
    quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors, and JSON if asked for.")
    return cast(Command, json_option(quiet_option(run)))


class Output:
    """Where one command's results and progress go.

    Attributes:
        progress: shown on standard error, unless quiet.
    """

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._as_json, self._quiet = as_json, quiet
        self._out, err = _streams()
        self.progress: Progress = SILENT
        if not quiet:
            from pen_mobile.utils.progress_display import TerminalProgress

            self.progress = TerminalProgress(err)

    def mute(self) -> None:
        """Print nothing from now on: another process of the same command does."""
        self._as_json, self._quiet, self.progress = False, True, SILENT

    def finish(self, document: dict[str, Any], parts: Iterable[Part], *, refused: bool = False) -> None:
        """Print the result, and end the command with its exit code.

        Args:
            document: the JSON document, printed when it was asked for.
            parts: lines and tables for people, printed otherwise; a table without rows is left out.
            refused: the work was done and its answer is no: the exit code is 3.

        Raises:
            BadInput: standard output takes no more.
        """
        if self._as_json:
            from pen_mobile.utils.files import to_json

            self._write(to_json(document))
        elif not self._quiet:
            from pen_mobile.utils.readable import part_text

            terminal = self._out.isatty()
            self._write("".join(part_text(part, terminal) for part in parts))
        if refused:
            click.get_current_context().exit(REFUSED)

    def _write(self, text: str) -> None:
        """Write the result; a reader that has gone needs no more of it."""
        try:
            click.echo(text, nl=False, file=self._out)
            self._out.flush()
        except BrokenPipeError:
            _drop(self._out)
        except OSError as error:
            _drop(self._out)
            raise BadInput(f"standard output cannot be written: {error.strerror}") from None


def _drop(stream: IO[str]) -> None:
    """Let what a stream still holds go nowhere, when it is flushed at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _streams() -> tuple[IO[str], IO[str]]:
    """Claim the terminal when this process is the command line's own, and not a test's or an application's."""
    context = click.get_current_context(silent=True)
    session = None if context is None else context.find_root().obj
    if not isinstance(session, Session):
        return sys.stdout, sys.stderr
    return session.claim()
