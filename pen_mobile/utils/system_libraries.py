"""Shared libraries of the operating system that wheels expect and slim containers lack."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator

from pen_mobile.errors import BadInput

DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
}
"""The Debian and Ubuntu package of each library: the first four are for OpenCV, the others for MediaPipe."""

_MISSING = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")


def missing_libraries() -> list[str]:
    """Return the libraries of :data:`DEBIAN_PACKAGES` that this system does not have."""
    return [library for library in DEBIAN_PACKAGES if not _is_there(library)]


def install_command(libraries: list[str]) -> str:
    """Return the command that installs libraries on Debian and Ubuntu.

    Args:
        libraries: file names, such as ``libGL.so.1``.
    """
    packages = dict.fromkeys(DEBIAN_PACKAGES.get(library, f"the package with {library}") for library in libraries)
    return f"apt-get install {' '.join(packages)}"


def explain(error: BaseException) -> str | None:
    """Return one line on how to install the library that an import failed for.

    Args:
        error: what an import raised.

    Returns:
        The line, or None when the error is about something else.
    """
    found = _MISSING.search(str(error))
    if found is None or not isinstance(error, (ImportError, OSError)):
        return None
    missing = list(dict.fromkeys([found[1], *missing_libraries()]))
    return f"this system lacks {', '.join(missing)}; on Debian or Ubuntu: {install_command(missing)}"


@contextlib.contextmanager
def explained_imports() -> Iterator[None]:
    """Turn an import that fails for a missing library of the system into one clear line.

    Raises:
        BadInput: names the library and the package to install.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        line = explain(error)
        if line is None:
            raise
        raise BadInput(line) from error


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
