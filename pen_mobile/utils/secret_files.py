"""Files with secrets, which only their user should be able to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pen_mobile.utils.progress import Progress

_OTHERS = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH


def warn_of_open_key(path: Path, progress: Progress) -> None:
    """Print one line when other users may read or change a file with a key.

    Args:
        path: the file; what is no plain file, such as a pipe, is left alone.
        progress: prints the line, unless it is silent.
    """
    mode = _mode(path)
    if stat.S_ISREG(mode) and mode & _OTHERS:
        progress.say(
            f"{path}: other users of this machine may read or change this key (mode {stat.S_IMODE(mode):o}); "
            f"chmod 600 {path}"
        )


def _mode(path: Path) -> int:
    """Return the mode of a file, or 0 where there is none or the system knows no such modes."""
    try:
        return 0 if os.name == "nt" else path.stat().st_mode
    except OSError:
        return 0
