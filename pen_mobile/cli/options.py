"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pen_mobile.cli.completion import complete_data
from pen_mobile.errors import BadInput

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""A path on the command line."""

DATA_HELP = (
    "'synthetic' or 'synthetic:sources=3,targets=1,seconds=20,fps=2,seed=0', a folder made by 'pen-mobile data "
    "prepare', a .csv or .parquet table of images or features, or .npz features."
)

_KEY_BYTES = 32


def data_option(command: Command) -> Command:
    """Add ``--data``.

    Args:
        command: function of a command.
    """
    option = click.option("--data", required=True, shell_complete=complete_data, help=f"People: {DATA_HELP}")
    return option(command)


def targets_options(command: Command) -> Command:
    """Add ``--targets`` and ``--label-range``.

    Args:
        command: function of a command.
    """
    names = click.option("--targets", help="Columns with labels, such as engagement.  [default: valence,arousal]")
    limits = click.option("--label-range", help="Smallest and largest label, such as 1,9.  [default: -1,1]")
    return names(limits(command))


def key_option(command: Command) -> Command:
    """Add ``--key-file``; the command passes it to :func:`read_key`.

    Args:
        command: function of a command.
    """
    option = click.option("--key-file", type=PATH, help="Key of an encrypted store: 32 bytes, or 64 hex digits.")
    return option(command)


def public_key_option(command: Command) -> Command:
    """Add ``--public-key``; the command passes it to the function that opens the bundle.

    Args:
        command: function of a command.
    """
    help_text = "PEM public key of the maker; a bundle not signed with it is refused."
    return click.option("--public-key", type=PATH, help=help_text)(command)


def allow_older_option(command: Command) -> Command:
    """Add ``--allow-older``; the command passes it to the options of the store.

    Args:
        command: function of a command.
    """
    help_text = "Take a bundle with a lower serial than the store has seen."
    return click.option("--allow-older", is_flag=True, help=help_text)(command)


def read_key(path: Path | None) -> bytes | None:
    """Return the key in a file; None when no file is given.

    Args:
        path: file with 32 bytes or 64 hexadecimal digits.

    Raises:
        BadInput: the file cannot be read, or holds no key.
    """
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the key cannot be read: {error.strerror}") from None
    key = content if len(content) == _KEY_BYTES else _from_digits(content)
    if len(key) != _KEY_BYTES:
        raise BadInput(
            f"{path} is not a key: it must hold 32 bytes, or 64 hexadecimal digits; "
            "'openssl rand -out FILE 32' makes one"
        )
    return key


def _from_digits(content: bytes) -> bytes:
    try:
        return bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        return b""
