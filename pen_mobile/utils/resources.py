"""Where the contract folder ``export/`` is: beside the package in a clone, inside it when installed."""

from __future__ import annotations

from pathlib import Path


def contract_folder() -> Path:
    """Return the folder of recipes, device profiles and the personal store's SQL."""
    package = Path(__file__).parent.parent
    installed = package / "_export"
    return installed if installed.is_dir() else package.parent / "export"


def built_in_names(folder: str = "") -> list[str]:
    """Return the names of the TOML files that come with the package.

    Args:
        folder: below :func:`contract_folder`; empty for recipes, ``profiles`` for device profiles.
    """
    return sorted(path.stem for path in (contract_folder() / folder).glob("*.toml"))
