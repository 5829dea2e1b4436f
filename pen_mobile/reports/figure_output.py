"""Figures as inline SVG of a page, and as files: the same bytes every time."""

from __future__ import annotations

import hashlib
import html
import io
import re
import warnings
from pathlib import Path

from pen_mobile.reports.mpl import Figure
from pen_mobile.reports.plot_style import (
    AFTER,
    AFTER_LIGHT,
    BEFORE,
    BEFORE_LIGHT,
    GRID,
    INK,
    MUTED,
    OWN_MEAN,
    PAPER,
    TRUTH,
    figure_style,
)
from pen_mobile.utils.files import replacing

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    TRUTH: "--truth",
    BEFORE: "--before",
    AFTER: "--after",
    OWN_MEAN: "--own",
    BEFORE_LIGHT: "--before-light",
    AFTER_LIGHT: "--after-light",
}
_DPI = 200  # of PNG files
_NAMELESS = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # what would make every SVG different


def inline_svg(figure: Figure, label: str, drawn: str | None = None) -> str:
    """Return a figure as one ``<svg>`` element for a page: colours are the page's variables, ids are its own.

    Args:
        figure: drawn inside :func:`figure_style`.
        label: text for screen readers.
        drawn: the SVG file of the figure, where there is one already; its white background becomes the page's.
    """
    if drawn is None:
        stream = io.StringIO()
        with figure_style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has the font for it
            figure.savefig(stream, format="svg", metadata=_NAMELESS)
        drawn = stream.getvalue()
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    body = body[body.index(">", body.index("<svg")) + 1 :]
    prefix = "f" + hashlib.sha256((label + body).encode()).hexdigest()[:8]
    body = re.sub(r"<[^>]+>", lambda tag: _adapted_tag(tag[0], prefix), body)
    width, height = (round(float(side) * 72) for side in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}" '
        f'style="min-width:{0.78 * width:.0f}px;max-width:{1.3 * width:.0f}px">{body.strip()}'
    )


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure on white as a PNG or SVG file, whole or not at all.

    Args:
        figure: drawn inside :func:`figure_style`.
        path: file to write; its suffix decides the format.
    """
    metadata = _NAMELESS if path.suffix == ".svg" else {"Software": None}
    with figure_style(), warnings.catch_warnings(), replacing(path) as temporary:
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(temporary, format=path.suffix[1:], dpi=_DPI, facecolor="white", metadata=metadata)


def _adapted_tag(tag: str, prefix: str) -> str:
    tag = re.sub(r' id="', f' id="{prefix}-', tag)
    tag = re.sub(r' (?:xlink:)?href="#', f' href="#{prefix}-', tag).replace("url(#", f"url(#{prefix}-")
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, f"var({variable}, {colour})")
    return tag
