"""One run of the command line: where it writes, and how it ends."""

from __future__ import annotations

import contextlib
import sys
from typing import IO

import click

from pen_mobile.utils.text import visible_line

OUR_FAULT, BAD_INPUT, REFUSED, INTERRUPTED = 1, 2, 3, 130

EXIT_CODES = """\b
Exit codes:
  0    done
  1    an internal error
  2    bad input: the message names the file, row or option
  3    done, and the answer is no: an adaptation was refused, a bundle differs from the float model,
       this machine lacks something that is needed
  130  interrupted; the same command goes on or starts again"""

_KINDS = {OUR_FAULT: "internal", BAD_INPUT: "bad input", REFUSED: "refused", INTERRUPTED: "interrupted"}


class Session:
    """What a run of the command line knows before and after its command.

    Attributes:
        debug: True shows what libraries print, and tracebacks.
        as_json: True when one JSON document is asked for, errors included.
    """

    def __init__(self, as_json: bool) -> None:
        self.debug, self.as_json = False, as_json
        self._streams: tuple[IO[str], IO[str]] | None = None

    def claim(self) -> tuple[IO[str], IO[str]]:
        """Take standard output and error for this program alone."""
        from pen_mobile.cli.console import claim_streams

        self._streams = self._streams or claim_streams(self.debug)
        return self._streams

    @property
    def out(self) -> IO[str]:
        """Standard output, for results."""
        return sys.stdout if self._streams is None else self._streams[0]

    @property
    def err(self) -> IO[str]:
        """Standard error, for progress and errors."""
        return sys.stderr if self._streams is None else self._streams[1]

    def fail(self, code: int, message: str) -> int:
        """Print an error, also as JSON when a document was asked for.

        Args:
            code: exit code, such as :data:`BAD_INPUT`.
            message: one line without "error:".

        Returns:
            The exit code.
        """
        message = visible_line(message)
        prefix = {INTERRUPTED: "", OUR_FAULT: "internal error: "}.get(code, "error: ")
        click.echo(f"{prefix}{message}", file=self.err)
        if self.as_json:
            from pen_mobile.utils.files import to_json

            error = {"kind": _KINDS[code], "message": message, "exit_code": code}
            with contextlib.suppress(OSError):
                click.echo(to_json({"error": error}), nl=False, file=self.out)
        return code
