"""What all public functions share: silence, explained imports, and arguments in several forms."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pen_mobile.targets import Targets
from pen_mobile.utils.progress import Progress
from pen_mobile.utils.silence import quiet_libraries
from pen_mobile.utils.system_libraries import explained_imports

if TYPE_CHECKING:
    from pen_mobile.data.table import SubjectTable

Place = str | Path
"""A file or a folder."""

Shown = bool | Progress
"""Whether progress is shown, or where."""

P = ParamSpec("P")
T = TypeVar("T")


def public(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function during which libraries print nothing, and a missing library of the system is one line.

    Args:
        function: of the public interface.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with quiet_libraries(), explained_imports():
            return function(*args, **kwargs)

    return run


def as_table(
    data: SubjectTable | Place, size: int | None, progress: Progress, targets: Targets | None = None
) -> SubjectTable:
    """Return people, read where a file or folder is given.

    Args:
        data: a table, or where it is.
        size: side to which frames are brought, pixels.
        progress: shows the reading.
        targets: names and range of the labels, where a file or folder is given; None is what it says of itself.
    """
    from pen_mobile.data.load import load_table

    return load_table(str(data), size, progress, targets) if isinstance(data, (str, Path)) else data


def as_path(place: Place | None) -> Path | None:
    """Return a path, or None.

    Args:
        place: text, a path, or None.
    """
    return None if place is None else Path(place)
