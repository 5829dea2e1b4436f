"""Bundles whose manifest was changed and sealed again, as whoever forges one would."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pen_mobile.contract.bundle_folder import MANIFEST, SEAL


def reseal(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of a bundle folder, and seal it again.

    Args:
        bundle: its folder.
        change: changes the manifest's object.
    """
    values = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    change(values)
    content = json.dumps(values).encode()
    (bundle / MANIFEST).write_bytes(content)
    (bundle / SEAL).write_text(f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n")


def changed_copy(bundle: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Return a copy of a bundle folder with another manifest.

    Args:
        bundle: its folder.
        folder: where the copy goes; new.
        change: changes the manifest's object.
    """
    shutil.copytree(bundle, folder)
    reseal(folder, change)
    return folder
