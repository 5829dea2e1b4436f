"""What every reader does with a disk: lines with their numbers, numbers that are finite, sorted folders."""

from __future__ import annotations

import math
from pathlib import Path

from pen_mobile.errors import BadInput


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name; hidden files, such as those that macOS leaves, are passed over.

    Args:
        folder: the folder.

    Raises:
        BadInput: the folder is missing, is a file, or may not be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadInput(f"{folder}: cannot be read as a folder: {error.strerror}") from None


def printable(name: str) -> str:
    """Return a name as text that every encoding of Unicode takes, without spaces around it.

    File names need not be UTF-8; Python then keeps their bytes as surrogates, which no file can be written with.

    Args:
        name: a file name, or text of a data set.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").strip()


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a UTF-8 text file that are not blank, stripped, with numbers from 1.

    Args:
        path: text with CRLF or LF, with or without a byte order mark.

    Raises:
        BadInput: the file is missing, unreadable or not text.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return [(number, text) for number, line in enumerate(stream, 1) if (text := line.strip())]
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a text file (UTF-8)") from None


def finite_number(text: str, name: str, path: Path, line: int) -> float:
    """Return the number that one field of a text file holds.

    Args:
        text: the field.
        name: of the field, for the message.
        path: the file, for the message.
        line: its number, for the message.

    Raises:
        BadInput: it is missing (empty or ``?``), NaN, infinite, or not a number at all.
    """
    if text in ("", "?"):
        raise BadInput(f"{path}: line {line}: {name} is missing; drop the line or fill it in")
    try:
        value = float(text)
    except ValueError:
        raise BadInput(f"{path}: line {line}: {name} is {text!r}, not a number") from None
    if not math.isfinite(value):
        raise BadInput(f"{path}: line {line}: {name} is {value}; drop the line or fill it in")
    return value


def label(text: str, name: str, path: Path, line: int) -> float:
    """Return the rating in [-1, 1] that one field of a text file holds.

    Args:
        text: the field.
        name: of the field, for the message.
        path: the file, for the message.
        line: its number, for the message.

    Raises:
        BadInput: it is no such number.
    """
    value = finite_number(text, name, path, line)
    if abs(value) > 1:
        raise BadInput(f"{path}: line {line}: {name} is {value:g}; ratings must lie in [-1, 1]")
    return value
