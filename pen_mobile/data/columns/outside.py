"""Images that a table names: a table from somebody else must not choose any file of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from pen_mobile.errors import BadInput, one_line

ALLOW_OUTSIDE = "PEN_MOBILE_ALLOW_OUTSIDE"
"""Environment variable that ``--allow-outside`` sets for a command and its processes."""


def image_beside(table: Path, name: str, where: str) -> Path:
    """Return the path of an image that a table names relative to itself.

    Links are followed wherever they lead: they were made by whoever keeps the folder, not by the table.

    Args:
        table: the file.
        name: as the table has it.
        where: of the row, for messages.

    Raises:
        BadInput: it lies outside the table's folder, and that was not allowed.
    """
    path = table.parent / name
    folder = os.path.normpath(table.parent.absolute())
    inside = Path(os.path.normpath(path.absolute())).is_relative_to(folder)
    if not inside and os.environ.get(ALLOW_OUTSIDE) != "1":
        raise BadInput(
            f"{where}: image {one_line(name, 100)} lies outside the table's folder; if you trust this table, allow it: "
            f"--allow-outside, or {ALLOW_OUTSIDE}=1"
        )
    return path
