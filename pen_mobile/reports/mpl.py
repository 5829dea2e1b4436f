"""The parts of matplotlib that figures need, independent of the user's settings.

A figure is drawn inside :func:`default_settings` and saved by its own canvas, so neither ``MPLBACKEND`` nor a
``matplotlibrc`` changes it. Import matplotlib from here only: an unknown ``MPLBACKEND`` breaks its import.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

__all__ = [
    "Axes",
    "Ellipse",
    "Figure",
    "FixedLocator",
    "Line2D",
    "MaxNLocator",
    "NullLocator",
    "Patch",
    "Path",
    "PathPatch",
    "Rectangle",
    "default_settings",
]


@contextmanager
def _no_backend_variable() -> Iterator[None]:
    """Hide ``MPLBACKEND`` for the time of an import."""
    wanted = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if wanted is not None:
            os.environ["MPLBACKEND"] = wanted


with _no_backend_variable():
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Ellipse, Patch, PathPatch, Rectangle
    from matplotlib.path import Path
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

if "MPLBACKEND" in os.environ:
    with suppress(ValueError):  # matplotlib reads the variable once, and a notebook's own plots need it
        matplotlib.rcParams["backend"] = os.environ["MPLBACKEND"]


@contextmanager
def default_settings(changes: Mapping[str, Any]) -> Iterator[None]:
    """Use matplotlib's default settings, with some changes, inside the block.

    Args:
        changes: values by the name of the setting.
    """
    kept = {"backend", "backend_fallback", "interactive", "toolbar"}
    settings: Any = {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in kept}
    with matplotlib.rc_context(settings | dict(changes)):
        yield
