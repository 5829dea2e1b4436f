"""Messages for values that are not known: the nearest known ones come first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pen_mobile.utils.text import joined

_MOST_LISTED = 12
_NEAR = 0.6


def nearest(value: str, known: Iterable[str]) -> list[str]:
    """Return the known values that are spelled nearly like a value, nearest first.

    Args:
        value: as somebody wrote it.
        known: values that exist.

    Returns:
        At most three values.
    """
    by_lower_case = {name.lower(): name for name in reversed(list(known))}
    return [by_lower_case[name] for name in difflib.get_close_matches(value.lower(), by_lower_case, 3, _NEAR)]


def choices(value: str, known: Iterable[str]) -> str:
    """Return what can be given instead of an unknown value, as the end of an error message.

    Args:
        value: as somebody wrote it.
        known: values that exist, in the order to list them.

    Returns:
        Such as ``did you mean 'adam'? There are adadelta, adam and sgd``. A long list is cut after 12 names; the names
        that are nearest to the value are never cut.
    """
    names = list(dict.fromkeys(known))
    near = nearest(value, names)
    question = f"did you mean {_either(near)}? There" if near else "there"
    if not names:
        return "there are none"
    if len(names) <= _MOST_LISTED:
        return f"{question} are {joined(names)}" if len(names) > 1 else f"{question} is {names[0]}"
    shown = (near + [name for name in names if name not in near])[:_MOST_LISTED]
    return f"{question} are {', '.join(shown)} and {len(names) - _MOST_LISTED} more"


def _either(names: list[str]) -> str:
    quoted = [repr(name) for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
