"""Names of columns: which are known, which are not used, and which are near misses."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS

PEOPLE = ("subject", "role")
CONTENT = ("image", "feature")
OTHERS = (*PEOPLE, *CONTENT, "time_s")
"""Columns that are read beside the targets."""

_NEAR = 0.75
_MEANT = {
    "time_s": "t time times timestamp timestamps time_ms seconds sec secs frametime datetime date elapsed",
    "subject": "subject_id subjectid person participant participant_id speaker user id name",
    "role": "roles split set fold partition",
    "valence": "v val",
    "arousal": "a aro",
    "image": "images img path file filename file_name image_path picture frame",
    "feature": "features embedding embeddings z x",
    "z": "x features feature embedding embeddings",
    "y": "label labels target targets affect",
}


def plain_name(name: str) -> str:
    """Return a name without spaces around it, in lower case.

    Args:
        name: as written in the file.
    """
    return name.strip().lower()


def check_no_duplicates(names: Sequence[str], where: str) -> None:
    """Refuse two columns of one name, capitals and spaces aside.

    Args:
        names: plain names of all columns.
        where: the file, for the message.

    Raises:
        BadInput: with the name.
    """
    for name in names:
        if name and names.count(name) > 1:
            raise BadInput(f"{where}: column {name!r} exists {names.count(name)} times; remove or rename one")


def unused_names(found: Collection[str], known: Collection[str]) -> list[str]:
    """Return the names that nothing reads; unnamed columns, as of row numbers, do not count.

    Args:
        found: plain names of all columns.
        known: names that are read.
    """
    return sorted(name for name in found if name not in known and name and not name.startswith(("unnamed:", "__")))


def check_near_misses(
    found: Collection[str],
    missing: Collection[str],
    where: str,
    kind: str = "column",
    known: Collection[str] = DEFAULT_TARGETS,
) -> None:
    """Refuse a name that is nearly one that is missing: a misspelt column would be passed over.

    Args:
        found: plain names of all columns.
        missing: known names that are not among them and are wanted.
        where: the file, for the message.
        kind: ``column`` or ``array``, for the message.
        known: names of the targets, which stand for themselves.

    Raises:
        BadInput: with both names.
    """
    for wanted in missing:
        for name in sorted(found):
            if name not in (*OTHERS, *known) and is_near(name, wanted):
                unit = " (seconds, a number)" if wanted == "time_s" else ""
                raise BadInput(f"{where}: there is no {kind} {wanted!r} but {name!r}; rename it to {wanted!r}{unit}")


def is_near(name: str, wanted: str) -> bool:
    """Tell whether ``name`` was probably meant as ``wanted``.

    Args:
        name: plain name as found.
        wanted: known name that is missing.
    """
    if name in _MEANT.get(wanted, "").split():
        return True
    return len(name) > 2 and difflib.SequenceMatcher(None, name, wanted).ratio() >= _NEAR
