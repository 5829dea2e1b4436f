"""Imports coremltools without the packages that it tries on its way and nothing here needs: 2 s instead of 8."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_UNNEEDED = (
    "executorch",
    "libsvm",
    "pandas",
    "sklearn",
    "tensorflow",
    "torchao",
    "torchaudio",
    "torchvision",
    "transformers",
    "xgboost",
)


def coremltools() -> Any:
    """Import coremltools, if nobody has yet, and return it.

    To coremltools the packages above are not installed, unless they were imported before; afterwards they can be
    imported as ever. What it would do with them is convert models of other frameworks.
    """
    if "coremltools" not in sys.modules:
        hidden = [name for name in _UNNEEDED if name not in sys.modules]
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: what Python takes for not installed
        try:
            importlib.import_module("coremltools")
        finally:
            for name in hidden:
                del sys.modules[name]
    return sys.modules["coremltools"]
