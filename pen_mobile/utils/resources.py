"""Where the contract folder ``export/`` is: beside the package in a clone, inside it when installed."""

from __future__ import annotations

from pathlib import Path


def contract_folder() -> Path:
    """Return the folder of recipes and of the personal store's SQL."""
    package = Path(__file__).parent.parent
    installed = package / "_export"
    return installed if installed.is_dir() else package.parent / "export"
