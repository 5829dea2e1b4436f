"""Pictures of results, drawn from their JSON alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pen_mobile.reports.figure_output import save_figure
from pen_mobile.reports.mpl import Axes, Line2D, NullLocator
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    INK,
    MUTED,
    OWN_MEAN,
    TRUTH,
    WIDE,
    add_axes,
    add_title,
    figure_style,
    new_figure,
)

Result = dict[str, Any]
_OURS = ("ours", "exported")
Look = tuple[str, str, Any]
"""Colour, marker and style of a line."""

_WAYS: dict[str, Look] = {
    "not adapted": (MUTED, "", (0, (5, 3))),
    "own mean, no model": (OWN_MEAN, "", (0, (2, 2))),
    "prior": (AFTER, "*", "-"),
    "prior, no caution": (AFTER, "*", (0, (4, 2))),
    "gradient": (INK, "o", "-"),
    "offset": ("#2a9d8f", "^", "-"),
    "gate": ("#cc5f74", "s", "-"),
    "ridge": ("#8a8f1f", "v", "-"),
    "personal-expert": ("#7a6be0", "D", "-"),
    "offset-ridge": ("#b0713a", "P", "-"),
}
_OTHERS: tuple[Look, ...] = ((BEFORE, "X", "-"), (TRUTH, "h", "-"), (MUTED, "<", "-"))
_SAMPLINGS = {
    "random": "labels drawn at random",
    "blocks": "labels in blocks of time",
    "first": "the first labels in time",
    "recent": "the last labels before a cut",
}
_PANEL = 250  # CSS pixels of a plot of quality against labels
_QUALITIES = ("CCC person", "RMSE person", "RMSE pooled")
_LETTER = 6.0  # CSS pixels


def middle(value: Any) -> float:
    """Return the median or mean of a cell."""
    return float(value.get("median", value.get("mean")) if isinstance(value, dict) else value)


def is_ours(name: str) -> bool:
    """Say whether a bar is of this project."""
    return name.startswith(_OURS)


def draw_bars(axes: Axes, names: list[str], values: list[dict[str, float]], limit: float | None = None) -> None:
    """Draw medians as bars from top to bottom, quartiles as whiskers; ours in colour, a limit as a line."""
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        axes.barh(place, middle(value), height=0.62, color=AFTER if is_ours(name) else TRUTH)
        axes.plot([value["lower"], value["upper"]], [place, place], color=INK, linewidth=1.2)
        axes.annotate(f" {middle(value):.3g}", (value["upper"], place), va="center", fontsize=10.5, color=INK)
    if limit is not None:
        axes.axvline(limit, color=BEFORE, linewidth=1.5, linestyle=(0, (4, 2)))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(0, 1.16 * max(value["upper"] for value in values))
    axes.tick_params(length=0)
    axes.grid(axis="x")


def measured(rows: Iterable[Result], column: str) -> list[Result]:
    """Return the rows in which something was measured; peers that cannot be had are in the table."""
    return [row for row in rows if isinstance(row.get(column), dict)]


@figure_style()
def draw_train_step(result: Result, path: Path) -> None:
    """Bars of one step at the largest feature size, with the least time that this machine allows as a line."""
    rows = measured(result["rows"], "ms a step")
    largest = max(row["D_z"] for row in rows)
    rows = [row for row in rows if row["D_z"] == largest and row.get("batch", 32) == 32 and row.get("threads", 1) == 1]
    limits = [middle(row["ms a step"]) for row in rows if "limit" in row["variant"]]
    rows = sorted((row for row in rows if "limit" not in row["variant"]), key=lambda row: middle(row["ms a step"]))
    height = 26 * len(rows)
    figure = new_figure(height + 84, WIDE)
    label = _LETTER * max(len(row["variant"]) for row in rows)
    axes = add_axes(figure, label, 40, WIDE - label - 24, height)
    limit = max(limits) if limits else None
    draw_bars(axes, [row["variant"] for row in rows], [row["ms a step"] for row in rows], limit)
    title = f"ms a step, {largest} features, batch 32"
    add_title(axes, title if limit is None else f"{title} (dashed: the limit)", INK)
    save_figure(figure, path)


@figure_style()
def draw_backbones(result: Result, path: Path) -> None:
    """Bars of latency: a column for each precision, a row of bars for each network."""
    rows = measured(result["rows"], "ms")
    networks = list(dict.fromkeys(row["backbone"] for row in rows))
    columns = ("fp32", "int8")
    tall = {
        name: 24
        * max(sum(row["backbone"] == name and row["precision"].startswith(one) for row in rows) for one in columns)
        for name in networks
    }
    label, between, top = 190, 40, 0
    across = (WIDE - 2 * label - between) / 2
    figure = new_figure(sum(tall.values()) + 58 * len(networks) + 4, WIDE)
    for name in networks:
        top += 30
        for column, precision in enumerate(columns):
            mine = [row for row in rows if row["backbone"] == name and row["precision"].startswith(precision)]
            if not mine:
                continue
            axes = add_axes(figure, label + column * (label + across + between - 10), top, across, 24 * len(mine))
            draw_bars(axes, [bar_name(row) for row in mine], [row["ms"] for row in mine])
            add_title(axes, f"{name}, {precision}, ms", INK)
        top += tall[name] + 28
    save_figure(figure, path)


def bar_name(row: Result) -> str:
    """Return the runtime, with what its precision has beside int8."""
    return row["runtime"] + row["precision"].removeprefix("fp32").removeprefix("int8")


@figure_style()
def draw_quality(result: Result, path: Path) -> None:
    """Quality against the number of labels: a column for each sampling, a row for each measure, each with its range."""
    rows, looks = result["rows"], looks_of(result["rows"])
    there = {row["sampling"] for row in rows}
    samplings = [name for name in _SAMPLINGS if name in there] + sorted(there - set(_SAMPLINGS))
    legend = math.ceil(len(looks) / 4)
    left, top, tall, between = 62, 20 + 18 * legend, 190, 54
    width = max(WIDE, left + 10 + len(samplings) * (_PANEL + between) - between)
    across = (width - left - 10 - between * (len(samplings) - 1)) / len(samplings)
    figure = new_figure(top + len(_QUALITIES) * (tall + 16) + 34, width)
    for line, quality in enumerate(_QUALITIES):
        flat = quality.startswith("CCC")  # a constant answer has a CCC near 0, and would flatten the others
        shown = [row for row in rows if not (flat and row["way"].startswith("own mean"))]
        for column, sampling in enumerate(samplings):
            mine = [row for row in shown if row["sampling"] == sampling]
            axes = add_axes(figure, left + column * (across + between), top + line * (tall + 16), across, tall)
            draw_curves(axes, mine, quality, looks)
            axes.set_ylim(*quality_range(mine, quality))
            axes.tick_params(length=0, labelbottom=line == len(_QUALITIES) - 1)
            if line == 0:
                add_title(axes, _SAMPLINGS.get(sampling, sampling), INK)
            if column == 0:
                axes.set_ylabel({"CCC person": "CCC, mean of people"}.get(quality, quality))
            if line == len(_QUALITIES) - 1:
                axes.set_xlabel("labels of each person")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=style, markersize=5, label=way)
        for way, (colour, marker, style) in looks.items()
    ]
    for line in range(legend):
        place = (left / width, 1 - (3 + 18 * line) / (figure.get_size_inches()[1] * 72))
        entries = handles[4 * line : 4 * line + 4]
        figure.add_artist(figure.legend(handles=entries, loc="upper left", ncols=4, bbox_to_anchor=place))
    save_figure(figure, path)


def looks_of(rows: list[Result]) -> dict[str, Look]:
    """Return a look for every way to adapt, known ones first."""
    ways = dict.fromkeys(row["way"] for row in rows)
    known = {way: look for way, look in _WAYS.items() if way in ways}
    others = [way for way in ways if way not in known]
    return known | {way: _OTHERS[place % len(_OTHERS)] for place, way in enumerate(others)}


def draw_curves(axes: Axes, rows: list[Result], quality: str, looks: dict[str, Look]) -> None:
    """Draw every way to adapt with its interval; what takes no labels is a line across."""
    counts = sorted({row["labels each"] for row in rows if row["labels each"]})
    for place, (way, (colour, marker, style)) in enumerate(looks.items()):
        mine = sorted((row for row in rows if row["way"] == way), key=lambda row: row["labels each"])
        mine = measured(mine, quality)
        if not mine:
            continue
        shift = 1 + 0.012 * (place - len(looks) / 2)  # so that intervals stand beside each other
        across = [row["labels each"] * shift for row in mine] if mine[0]["labels each"] else [counts[0], counts[-1]]
        cells = [row[quality] for row in mine] * (1 if mine[0]["labels each"] else 2)
        axes.plot(across, [middle(cell) for cell in cells], color=colour, marker=marker, linestyle=style, markersize=5)
        if marker:
            low, high = ([cell[end] for cell in cells] for end in ("lower", "upper"))
            axes.vlines(across, low, high, color=colour, alpha=0.45, linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")


def quality_range(rows: list[Result], quality: str) -> tuple[float, float]:
    """Return an axis that holds every mean, with a little room."""
    values = [middle(row[quality]) for row in measured(rows, quality)]
    room = 0.08 * (max(values) - min(values)) or 0.05
    return min(values) - room, max(values) + room


PLOTS: dict[str, Callable[[Result, Path], None]] = {
    "train_step": draw_train_step,
    "backbones": draw_backbones,
    "quality_per_label": draw_quality,
}
