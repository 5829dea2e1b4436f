"""Numbers, counts and sizes as text for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What moves the cursor, hides text or turns its direction; line feeds and tabs are layout.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def visible(text: str) -> str:
    """Return text with control characters and marks of direction as Python's escapes.

    Args:
        text: anything, such as a name of a file that somebody else chose.
    """
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_line(text: str) -> str:
    """Return text as :func:`visible` does, with line feeds and tabs as escapes, too.

    Args:
        text: what is shown on a line of its own, such as a note beside a progress bar.
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed number of digits; zero has no sign, and None is ``-``.

    Args:
        value: number, or None where there is none.
        digits: digits after the point.
    """
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign, but without one where it is shown as zero; None is ``-``.

    Args:
        value: number, or None where there is none.
        digits: digits after the point.
    """
    text = decimal(value, digits)
    return f"+{text}" if value is not None and round(value, digits) > 0 else text


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun, such as ``1 seed`` or ``1,200 rows``.

    Args:
        count: number of things.
        singular: noun for one.
        plural: noun for several; None appends an s.
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def joined(words: Sequence[str]) -> str:
    """Return words as an English list: ``a``, ``a and b``, ``a, b and c``.

    Args:
        words: at least one.
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def file_size(count: int) -> str:
    """Return a number of bytes with a unit, such as ``1.2 MB``.

    Args:
        count: bytes.
    """
    for unit, bytes_each in (("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_each:
            return f"{count / bytes_each:.1f} {unit}"
    return counted(count, "byte")


def duration(seconds: float) -> str:
    """Return seconds with three digits, or with one after the point from ten seconds on.

    Args:
        seconds: any number.
    """
    return f"{seconds:,.1f} s" if abs(seconds) >= 10 else f"{seconds:.3g} s"
