"""``NOTICE``: the licences of every package that the lock file installs with this one, as the packages state them.

    python tools/notice.py

writes it anew from what is installed here. What an app or an image may ship: ``docs/how-to/ship-an-app.md``.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
NOTICE = REPOSITORY / "NOTICE"
_OWN = "pen-mobile"
_HEAD = """PEN Mobile
Licensed under the Apache License 2.0 (LICENSE).

Installing it for use installs the following packages, which are not part of it. Versions and licences are as the
packages state them; written by tools/notice.py. Some of their files carry libraries under further licences: see
docs/how-to/ship-an-app.md.

"""


def runtime_packages(root: str = _OWN) -> list[str]:
    """Return the names of all packages that one needs to run, without extras, that are installed here.

    Args:
        root: name of the package.
    """
    found: set[str] = set()
    waiting = [root]
    while waiting:
        name = _plain(waiting.pop())
        if name in found:
            continue
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another system
        found.add(name)
        waiting += [need for line in needed if "extra ==" not in line and (need := _name(line))]
    return sorted(found - {root})


def licence_of(name: str) -> str:
    """Return the licence that a package states: its expression, its classifiers, or the first line of its own words.

    Args:
        name: of an installed package.
    """
    stated = metadata.metadata(name)
    classifiers = [line.rpartition(" :: ")[2] for line in stated.get_all("Classifier") or [] if "License ::" in line]
    words = (stated["License"] or "").strip().split("\n")[0]
    return stated["License-Expression"] or ", ".join(classifiers) or words[:80] or "not stated"


def notice_text() -> str:
    """Return the file for what is installed here."""
    return _HEAD + "".join(f"{name} {metadata.version(name)}: {licence_of(name)}\n" for name in runtime_packages())


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0] if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    NOTICE.write_text(notice_text(), encoding="utf-8")
