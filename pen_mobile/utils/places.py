"""Names of data in records: relative paths, so that a folder can move with its data and tells nothing of its owner."""

from __future__ import annotations

import os
from pathlib import Path

_NO_PATHS = ("synthetic", "none", "imagenet", "imagenet-v1", "imagenet-v2", "")


def relative_place(place: str, folder: Path) -> str:
    """Return the text by which a record in ``folder`` names data.

    Args:
        place: a path, absolute or relative to the working folder; or a word that is none, such as ``synthetic:fps=1``.
        folder: folder of the record.

    Returns:
        The path relative to the folder, with forward slashes; only its name where there is no such path.
    """
    if _is_no_path(place):
        return place
    try:
        return Path(os.path.relpath(Path(place).resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return Path(place).name


def place_from(stored: str, folder: Path) -> str:
    """Return where the data of a record are, seen from the working folder.

    Args:
        stored: as :func:`relative_place` gave it.
        folder: folder of the record, wherever it is now.
    """
    return stored if _is_no_path(stored) else os.path.normpath(folder / stored)


def without_home(argument: str) -> str:
    """Return an argument of a command line; an absolute path in it becomes relative to the working folder.

    Args:
        argument: one word, which may be ``--option=value``.
    """
    option, equals, value = argument.rpartition("=") if argument.startswith("-") else ("", "", argument)
    if not Path(value).is_absolute():
        return argument
    try:
        return f"{option}{equals}{Path(os.path.relpath(value)).as_posix()}"
    except ValueError:
        return f"{option}{equals}{Path(value).name}"


def _is_no_path(place: str) -> bool:
    return place.partition(":")[0] in _NO_PATHS
