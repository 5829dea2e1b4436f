"""Keys in files: of an encrypted store, as a host's keystore would hand it over, and of a bundle's maker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pen_mobile.cli.output import PATH
from pen_mobile.errors import BadInput

Command = TypeVar("Command", bound=Callable[..., Any])

_BYTES = 32


def key_option(command: Command) -> Command:
    """Add ``--key-file``; the command passes it to :func:`read_key`."""
    return click.option("--key-file", type=PATH, help="Key of an encrypted store: 32 bytes, or 64 hexadecimal digits.")(
        command
    )


def public_key_option(command: Command) -> Command:
    """Add ``--public-key``; the command passes it to whatever opens the bundle."""
    return click.option(
        "--public-key", type=PATH, help="PEM public key of the maker; a bundle not signed with it is refused."
    )(command)


def read_key(path: Path | None) -> bytes | None:
    """Return the key in a file; None when no file is given.

    Raises:
        BadInput: the file cannot be read, or holds no key.
    """
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the key cannot be read: {error.strerror}") from None
    key = content if len(content) == _BYTES else _from_digits(content)
    if len(key) != _BYTES:
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
