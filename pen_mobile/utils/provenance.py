"""What every result carries so that somebody else can get it again."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

from pen_mobile.utils.places import without_home

_PACKAGES = ("pen-mobile", "torch", "torchvision", "executorch", "lightning-fabric", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def command() -> str:
    """Return the command line that is running, without the folder of the program and without absolute paths."""
    return shlex.join([Path(sys.argv[0]).name, *map(without_home, sys.argv[1:])])


def core_count() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
