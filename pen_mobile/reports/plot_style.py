"""Style of all figures: colours of the page, type, axes, and SVG with the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pen_mobile.reports.mpl import Axes, Figure, Line2D, PathPatch, Rectangle, default_settings
from pen_mobile.reports.mpl import Path as MplPath
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.utils.table import typographic

Values = NDArray[np.floating]

# Okabe and Ito's orange, blue and purple, a little deeper for thin lines on white, and lighter orange and blue.
INK, MUTED, GRID, PAPER = "#1d2733", "#66717f", "#d9dee5", "#fefefe"
TRUTH, BEFORE, AFTER, OWN_MEAN = "#7d8894", "#cc6a00", "#0b6fb8", "#a64d86"
BEFORE_LIGHT, AFTER_LIGHT = "#d99a1c", "#4aa3df"

WIDTH = 420  # CSS pixels at which a figure has its nominal font size; it is shown at 0.78 to 1.3 times that
WIDE = 800  # CSS pixels of a figure that has the page for itself
_NAME = 15  # characters of a name that fit beside a figure

_STYLE: Any = {  # matplotlib's stubs list every key from one version on
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "pen-mobile",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so layout does not depend on the machine
    "font.size": 12,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11.5,
    "axes.edgecolor": GRID,
    "axes.linewidth": 1,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1.6,
    "legend.handlelength": 1.2,
    "legend.handletextpad": 0.5,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw figures inside this context: matplotlib's defaults, and the style of the reports."""
    with default_settings(_STYLE):
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure.

    Args:
        height: CSS pixels.
        width: CSS pixels.
    """
    return Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes to a figure.

    Args:
        figure: the figure.
        left: distance from the left side, CSS pixels.
        top: distance from the upper side, CSS pixels.
        width: CSS pixels.
        height: CSS pixels.
    """
    full_width, full_height = figure.get_size_inches() * 72
    bottom = full_height - top - height
    return figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))


def add_title(axes: Axes, text: str, colour: str) -> None:
    """Write a bold title at the upper left of a plot.

    Args:
        axes: the plot.
        text: the title.
        colour: of the title.
    """
    axes.set_title(text, color=colour, fontsize=12, fontweight="bold", loc="left", pad=5)


def affect_axis(axes: Axes, which: Literal["x", "y"], targets: Targets = VALENCE_AROUSAL) -> None:
    """Give one axis the range from -1 to 1, with lines at the ends and the middle that show the labels' own scale.

    Args:
        axes: the plot.
        which: axis.
        targets: what is drawn.
    """
    ends = (targets.label_range[0], targets.middle, targets.label_range[1])
    getattr(axes, f"set_{which}lim")(-1.1, 1.1)
    getattr(axes, f"set_{which}ticks")((-1, 0, 1), [typographic(f"{value:g}") for value in ends])
    axes.grid(axis=which)
    axes.tick_params(length=0)


def add_legend(figure: Figure, handles: Sequence[Line2D], left: float) -> None:
    """Put a legend on one line at the top.

    Args:
        figure: the figure.
        handles: entries.
        left: distance from the left side, CSS pixels.
    """
    width, height = figure.get_size_inches() * 72
    figure.legend(handles=handles, loc="upper left", ncols=len(handles), bbox_to_anchor=(left / width, 1 - 3 / height))


def dot_handle(label: str, colour: str) -> Line2D:
    """Return a legend entry with a dot.

    Args:
        label: text.
        colour: of the dot.
    """
    return Line2D([], [], marker="o", linestyle="", color=colour, markersize=7, markeredgewidth=0, label=label)


def tick_handle(label: str, colour: str) -> Line2D:
    """Return a legend entry with an upright tick.

    Args:
        label: text.
        colour: of the tick.
    """
    return Line2D([], [], marker="|", linestyle="", color=colour, markersize=11, markeredgewidth=2, label=label)


def line_handle(label: str, colour: str, width: float) -> Line2D:
    """Return a legend entry with a line.

    Args:
        label: text.
        colour: of the line.
        width: of the line, points.
    """
    return Line2D([], [], color=colour, linewidth=width, label=label)


class Cell(NamedTuple):
    """One rectangle of a map: lower left corner, sides, and how dark it is, 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    strength: float

    def outline(self) -> MplPath:
        """Return the rectangle as a closed path."""
        right, top = self.x + self.width, self.y + self.height
        corners = ((self.x, self.y), (right, self.y), (right, top), (self.x, top), (self.x, self.y))
        return MplPath(corners, closed=True)


def shade_cells(axes: Axes, cells: Iterable[Cell], colour: str) -> None:
    """Draw all cells of about the same strength as one path, which keeps pages with many cells small.

    The limits of the axes stay as they are: matplotlib takes seconds to find out where thousands of cells are.

    Args:
        axes: the plot.
        cells: rectangles with their strengths.
        colour: at strength 1.
    """
    levels: dict[float, list[Cell]] = {}
    for cell in cells:
        levels.setdefault(round(cell.strength, 2), []).append(cell)
    for strength, alike in sorted(levels.items()):
        if strength > 0:
            outline = MplPath.make_compound_path(*(cell.outline() for cell in alike))
            axes.add_artist(PathPatch(outline, facecolor=colour, alpha=strength, linewidth=0))


def strength_key(axes: Axes, strengths: Sequence[float], most: str) -> None:
    """Draw the key to :func:`shade_cells`.

    Args:
        axes: the plot.
        strengths: of values from 0 to the largest.
        most: the largest value as text.
    """
    for step, strength in enumerate(strengths):
        axes.add_patch(Rectangle((step, 0), 1, 1, facecolor=INK, alpha=strength, linewidth=0))
    axes.set_xlim(0, len(strengths))
    axes.set_axis_off()
    for place, text, side in ((0, "0", "right"), (1, most, "left")):
        offset = (-5 if side == "right" else 5, 0)
        axes.annotate(
            text, (place, 0.5), offset, "axes fraction", "offset points", ha=side, va="center", color=MUTED, fontsize=11
        )


def short_name(name: str) -> str:
    """Return a name, cut where it does not fit beside a figure.

    Args:
        name: any text.
    """
    return name if len(name) <= _NAME else name[: _NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
