"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pen_mobile.cli.completion import complete_data
from pen_mobile.data.columns.outside import ALLOW_OUTSIDE
from pen_mobile.errors import BadInput
from pen_mobile.utils.secret_files import warn_of_open_key

if TYPE_CHECKING:
    from pen_mobile.contract.model_card import ModelCard
    from pen_mobile.utils.progress import Progress

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
    return option(allow_outside_option(command))


def seed_option(decides: str) -> Callable[[Command], Command]:
    """Return what adds ``--seed``.

    Args:
        decides: help of the option.
    """
    return click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help=decides)


def allow_outside_option(command: Command) -> Command:
    """Add ``--allow-outside``, which holds for this process and those that it starts.

    Args:
        command: function of a command.
    """

    def allow(_: click.Context, __: click.Parameter, wanted: bool) -> None:
        if wanted:
            os.environ[ALLOW_OUTSIDE] = "1"

    help_text = "Take images that a table names outside its folder, too."
    return click.option("--allow-outside", is_flag=True, expose_value=False, callback=allow, help=help_text)(command)


def targets_options(command: Command) -> Command:
    """Add ``--targets`` and ``--label-range``.

    Args:
        command: function of a command.
    """
    names = click.option("--targets", help="Columns with labels, such as engagement.  [default: valence,arousal]")
    limits = click.option("--label-range", help="Smallest and largest label, such as 1,9.  [default: -1,1]")
    return names(limits(command))


def card_options(command: Command) -> Command:
    """Add the options that say what a model is; the command passes them to :func:`read_card`.

    Args:
        command: function of a command.
    """
    options = [
        click.option(
            "--model-card", type=PATH, help="TOML file with name, version, licence, contact, intended_use, limits."
        ),
        click.option("--model-name", help="Name of the model, for people."),
        click.option("--model-version", help="Its version, such as 1.2.0."),
        click.option("--licence", help="Its licence, such as Apache-2.0."),
        click.option("--contact", help="Whom to ask about it."),
        click.option("--intended-use", help="What it is for."),
        click.option("--limits", help="What it is not for, and where it fails."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_card(options: dict[str, Any]) -> ModelCard | None:
    """Take the options of :func:`card_options` out of a command's and return the card; None when none is given.

    Args:
        options: of a command; the card's are removed.

    Raises:
        BadInput: the file holds an unknown field, or a text is too long.
    """
    from pen_mobile.contract.model_card import ModelCard

    said = {name: options.pop(f"model_{name}") for name in ("name", "version")}
    said |= {name: options.pop(name) for name in ("licence", "contact", "intended_use", "limits")}
    return ModelCard.load(options.pop("model_card"), **said)


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


def read_key(path: Path | None, progress: Progress) -> bytes | None:
    """Return the key in a file; None when no file is given.

    Args:
        path: file with 32 bytes or 64 hexadecimal digits.
        progress: prints a line when other users may read the file.

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
    warn_of_open_key(path, progress)
    return key


def _from_digits(content: bytes) -> bytes:
    try:
        return bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        return b""
