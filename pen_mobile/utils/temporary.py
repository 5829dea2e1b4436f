"""Temporary folders that outlive their process only until the next one makes a folder beside them.

A killed process cannot clean up. So each folder is locked by its owner for as long as that lives, and whoever makes one
removes those beside it that nobody has locked. The lock is the system's (``flock``), and ends with the process however
that ends. Where a system or a file system has no such locks, nothing is removed.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = ".pen-mobile."
_NAME = re.compile(r"\.pen-mobile\.\d+\.[a-z0-9_]{8}")  # the number is the owner's process id, for people


class TemporaryFolder:
    """A folder of mode 700, gone when nobody refers to this object, or the process ends.

    Attributes:
        path: the folder.
    """

    def __init__(self, beside: Path | None = None) -> None:
        """Make the folder, and remove what ended processes left in the same place.

        Args:
            beside: folder to make it in; None is the system's for temporary files.
        """
        place = Path(tempfile.gettempdir()) if beside is None else beside
        _sweep(place)
        self.path, lock = _make(place)
        weakref.finalize(self, _remove, self.path, lock)


@contextlib.contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """Yield a folder of mode 700 that is gone after the block, unless the block has given it another name.

    Args:
        beside: folder to make it in; None is the system's for temporary files.
    """
    place = Path(tempfile.gettempdir()) if beside is None else beside
    _sweep(place)
    path, lock = _make(place)
    try:
        yield path
    finally:
        _remove(path, lock)


def _make(place: Path) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}.", dir=place))
        with contextlib.suppress(FileNotFoundError, BlockingIOError):  # another process took it for a forgotten one
            return path, _lock(path)


def _lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a folder, or None where there are no locks.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: the folder is gone.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.stat()
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise
    except OSError:  # this file system has no locks
        os.close(descriptor)
        return None
    return descriptor


def _remove(path: Path, lock: int | None) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


@functools.cache
def _sweep(place: Path) -> None:
    """Remove this user's temporary folders in a place whose owners have ended; once in the life of a process."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in [entry for entry in entries if _NAME.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_forgotten(Path(entry.path))


def _remove_forgotten(path: Path) -> None:
    lock = _lock(path)
    if lock is None:
        return
    if os.fstat(lock).st_uid == os.geteuid():
        _remove(path, lock)
    else:
        os.close(lock)
