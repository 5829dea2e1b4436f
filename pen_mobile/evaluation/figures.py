"""Figures of a personalization as inline SVG: same numbers, same bytes, in the colours of the page around them."""

from __future__ import annotations

import hashlib
import html
import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Rectangle
from numpy.typing import NDArray

from pen_mobile.evaluation.personalization import Personalization, PersonResult, Trace

Measure = Literal["ccc", "rmse"]
Values = NDArray[np.floating]

# Okabe and Ito's orange, blue and purple, a little deeper for thin lines on white.
INK, MUTED, GRID, PAPER = "#1d2733", "#66717f", "#d9dee5", "#fefefe"
TRUTH, BEFORE, AFTER, OWN_MEAN = "#7d8894", "#cc6a00", "#0b6fb8", "#a64d86"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    TRUTH: "--truth",
    BEFORE: "--before",
    AFTER: "--after",
    OWN_MEAN: "--own",
}

_WIDTH = 420  # CSS pixels at which a figure has its nominal font size; it is shown at 0.78 to 1.3 times that
_POINTS = 220  # moments drawn on the affect plane
_MOMENTS = 400  # moments drawn on a line over time
_EDGE = 1.06  # affect beyond this is drawn here
_POOLED = "all, pooled"
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


def before_after_figure(result: Personalization, measure: Measure = "ccc") -> str:
    """Draw how far everybody moved from before to after, the largest gain on top and everybody pooled below.

    Args:
        result: everybody.
        measure: ``ccc`` (mean of valence and arousal; the right is better) or ``rmse`` (the left is).
    """
    rows = _moves(result, measure)
    height = 72 + 26 * len(rows)
    with rc_context(_STYLE):
        figure = _figure(height)
        axes = _axes(figure, 112, 30, _WIDTH - 112 - 62, height - 72)
        for place, row in enumerate(rows):
            _draw_move(axes, place, row, measure)
        axes.axhline(len(rows) - 1.5, color=GRID)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [_short(row.name) for row in rows], color=INK)
        axes.tick_params(length=0)
        axes.set_xlim(*_move_limits(rows, measure))
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("CCC, 1 is perfect" if measure == "ccc" else "RMSE, 0 is perfect")
        _legend(figure, [_dot("before", BEFORE), _dot("after", AFTER), _tick("own mean", OWN_MEAN)], 112)
        return _inline_svg(figure, f"{measure.upper()} of every person before and after adaptation")


def affect_plane_figure(person: PersonResult) -> str:
    """Draw estimates against what was felt on the valence-arousal plane, before and after side by side.

    Thin lines lead from the truth to the estimate, stronger where they are further apart. Ellipses of one standard
    deviation around the means show bias (the arrow from centre to centre) and gain (their sizes).
    """
    trace = person.trace
    height, side = 262, 180
    panels = (("before", trace.before, BEFORE, 46), ("after", trace.after, AFTER, _WIDTH - side - 4))
    with rc_context(_STYLE):
        figure = _figure(height)
        for title, estimate, colour, left in panels:
            axes = _axes(figure, left, 42, side, side)
            _draw_plane(axes, trace, estimate, colour)
            _title(axes, title, colour)
            axes.set_xlabel("valence", labelpad=2)
        figure.axes[0].set_ylabel("arousal", labelpad=0)
        figure.axes[1].tick_params(labelleft=False)
        _legend(figure, [_dot("felt", TRUTH), _dot("estimated before", BEFORE), _dot("estimated after", AFTER)], 46)
        return _inline_svg(figure, f"Valence and arousal of {person.subject}: felt and estimated, before and after")


def trace_figure(person: PersonResult) -> str:
    """Draw valence and arousal over the test time: what was felt, and the estimates before and after."""
    trace = _thinned(person.trace, _MOMENTS)
    height, each = 262, 90
    with rc_context(_STYLE):
        figure = _figure(height)
        for column, name in enumerate(("valence", "arousal")):
            axes = _axes(figure, 46, 28 + column * (each + 14), _WIDTH - 46 - 8, each)
            for values, colour, width in (
                (trace.affect, TRUTH, 2.6),
                (trace.before, BEFORE, 1.1),
                (trace.after, AFTER, 1.4),
            ):
                axes.plot(trace.time_s, np.clip(values[:, column], -_EDGE, _EDGE), color=colour, linewidth=width)
            _affect_axis(axes, "y")
            axes.set_ylabel(name, labelpad=0)
            axes.margins(x=0)
            axes.tick_params(length=0, labelbottom=column == 1)
        axes.set_xlabel("seconds into the recording")
        _legend(figure, [_line("felt", TRUTH, 2.6), _line("before", BEFORE, 1.4), _line("after", AFTER, 1.4)], 46)
        return _inline_svg(figure, f"Valence and arousal of {person.subject} over the test time")


def gate_figure(result: Personalization) -> str:
    """Draw the gate's mean weight of every expert for every person, before and after side by side."""
    before = np.stack([person.gate_before for person in result.people])
    after = np.stack([person.gate_after for person in result.people])
    people, experts = before.shape
    side, strongest = max(142.0, 13.0 * experts), max(float(before.max()), float(after.max()), 1e-9)
    left, height = 112, 88 + 22 * people
    width = max(_WIDTH, math.ceil(left + 2 * side + 18 + 6))
    with rc_context(_STYLE):
        figure = _figure(height, width)
        panels = (("before", before, BEFORE, left), ("after", after, AFTER, left + side + 18))
        for title, weights, colour, start in panels:
            axes = _axes(figure, start, 22, side, 22 * people)
            _draw_weights(axes, weights, strongest)
            _title(axes, title, colour)
            axes.set_xlabel("expert", labelpad=1)
        names = [_short(person.subject) for person in result.people]
        figure.axes[0].set_yticks(range(people), names, color=INK)
        _weight_scale(_axes(figure, left, height - 20, 142, 9), strongest)
        return _inline_svg(figure, "Mean gate weight of every expert for every person, before and after")


@dataclass(frozen=True)
class _Move:
    """One row of the before-and-after figure."""

    name: str
    before: float | None
    after: float | None
    own_mean: float | None
    refused: bool

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


def _moves(result: Personalization, measure: Measure) -> list[_Move]:
    moves = [_move(person.subject, person, measure, not person.adaptation.accepted) for person in result.people]
    sign = 1 if measure == "ccc" else -1
    moves.sort(key=lambda move: -math.inf if move.change is None else sign * move.change, reverse=True)
    return [*moves, _move(_POOLED, result, measure, False)]


def _move(name: str, result: Personalization | PersonResult, measure: Measure, refused: bool) -> _Move:
    before, after, own_mean = (getattr(part, measure) for part in (result.before, result.after, result.own_mean))
    return _Move(name, before, after, own_mean, refused)


def _draw_move(axes: Axes, place: int, row: _Move, measure: Measure) -> None:
    if row.own_mean is not None:
        axes.plot(row.own_mean, place, "|", color=OWN_MEAN, markersize=12, markeredgewidth=2)
    if row.before is not None and row.after is not None:
        axes.plot([row.before, row.after], [place, place], color=MUTED, linewidth=2, alpha=0.45)
    for value, colour in ((row.before, BEFORE), (None if row.refused else row.after, AFTER)):
        if value is not None:
            axes.plot(value, place, "o", color=colour, markersize=9, markeredgecolor=PAPER, markeredgewidth=1.2)
    note, colour = _note(row, measure)
    weight = "bold" if row.name == _POOLED else "normal"
    corner = axes.get_yaxis_transform()
    axes.text(1.04, place, note, transform=corner, va="center", color=colour, fontweight=weight)


def _note(row: _Move, measure: Measure) -> tuple[str, str]:
    """Return what stands at the right end of a row, and its colour."""
    if row.refused:
        return "refused", MUTED
    if row.change is None:
        return "\N{EN DASH}", MUTED
    better = row.change > 0 if measure == "ccc" else row.change < 0
    return f"{row.change:+.2f}".replace("-", "\N{MINUS SIGN}"), AFTER if better else BEFORE


def _move_limits(rows: list[_Move], measure: Measure) -> tuple[float, float]:
    values = [value for row in rows for value in (row.before, row.after, row.own_mean) if value is not None]
    if measure == "ccc":
        return min(-0.06, min(values, default=0) - 0.08), 1.0
    return 0.0, max(values, default=0.5) * 1.08 or 0.5


def _draw_plane(axes: Axes, trace: Trace, estimate: Values, colour: str) -> None:
    _affect_axis(axes, "x")
    _affect_axis(axes, "y")
    axes.spines[["top", "right"]].set_visible(True)
    rows = _spread(len(estimate), _POINTS)
    _strokes(axes, trace.affect[rows], trace.affect[rows], TRUTH, 2.6, 0.5)
    _draw_errors(axes, trace.affect[rows], estimate[rows], colour)
    axes.add_patch(_ellipse(trace.affect, INK, "--"))
    axes.add_patch(_ellipse(estimate, colour, "-"))
    _arrow(axes, trace.affect.mean(axis=0), estimate.mean(axis=0))


def _draw_errors(axes: Axes, truth: Values, estimate: Values, colour: str) -> None:
    """Draw every estimate and the way to it from the truth, in four strengths by how far off it is."""
    shown = np.clip(estimate, -_EDGE, _EDGE)
    strength = np.digitize(np.linalg.norm(estimate - truth, axis=1), (0.2, 0.4, 0.6))
    for level, alpha in enumerate((0.3, 0.4, 0.55, 0.75)):
        rows = strength == level
        _strokes(axes, truth[rows], shown[rows], colour, 0.7, alpha * 0.5)
        _strokes(axes, shown[rows], shown[rows], colour, 3, alpha)


def _strokes(axes: Axes, starts: Values, ends: Values, colour: str, width: float, alpha: float) -> None:
    """Draw N strokes as one path, which keeps the page small; a stroke that ends where it starts is a dot."""
    corners = np.stack([starts, ends, np.full_like(ends, np.nan)], axis=1).reshape(-1, 2)
    axes.plot(*corners.T, color=colour, linewidth=width, alpha=alpha, solid_capstyle="round")


def _ellipse(values: Values, colour: str, line: str) -> Ellipse:
    """Return the ellipse one standard deviation around the mean of ``[N, 2]``."""
    variances, directions = np.linalg.eigh(np.cov(values.T, ddof=0))
    width, height = 2 * np.sqrt(np.maximum(variances, 0))
    x, y = values.mean(axis=0)
    angle = float(np.degrees(np.arctan2(directions[1, 0], directions[0, 0])))
    return Ellipse((x, y), width, height, angle=angle, fill=False, color=colour, linewidth=1.5, linestyle=line)


def _arrow(axes: Axes, start: Values, end: Values) -> None:
    if np.linalg.norm(end - start) < 0.02:
        return
    line = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=line, zorder=5)


def _title(axes: Axes, text: str, colour: str) -> None:
    axes.set_title(text, color=colour, fontsize=12, fontweight="bold", loc="left", pad=5)


def _affect_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """Give one axis the range of affect, with lines at the ends and the middle."""
    getattr(axes, f"set_{which}lim")(-1.1, 1.1)
    getattr(axes, f"set_{which}ticks")((-1, 0, 1), ("\N{MINUS SIGN}1", "0", "1"))
    axes.grid(axis=which)
    axes.tick_params(length=0)


def _draw_weights(axes: Axes, weights: Values, strongest: float) -> None:
    """Draw one square per person and expert, the darker the heavier."""
    people, experts = weights.shape
    for (person, expert), weight in np.ndenumerate(weights):
        corner = (expert - 0.46, person - 0.44)
        axes.add_patch(Rectangle(corner, 0.92, 0.88, facecolor=INK, alpha=float(weight) / strongest, linewidth=0))
    axes.set_xlim(-0.5, experts - 0.5)
    axes.set_ylim(people - 0.5, -0.5)
    step = math.ceil(experts / 10)
    axes.set_xticks(range(0, experts, step), [str(expert + 1) for expert in range(0, experts, step)])
    axes.set_yticks([])
    axes.tick_params(length=0)


def _weight_scale(axes: Axes, strongest: float) -> None:
    """Draw the key to :func:`_draw_weights`: from no weight to the largest one drawn."""
    for step in range(10):
        axes.add_patch(Rectangle((step, 0), 1, 1, facecolor=INK, alpha=(step + 0.5) / 10, linewidth=0))
    axes.set_xlim(0, 10)
    axes.set_axis_off()
    for place, text, side in ((0, "0", "right"), (1, f"{strongest:.2f} mean weight", "left")):
        offset = (-5 if side == "right" else 5, 0)
        axes.annotate(
            text, (place, 0.5), offset, "axes fraction", "offset points", ha=side, va="center", color=MUTED, fontsize=11
        )


def _thinned(trace: Trace, count: int) -> Trace:
    """Return at most ``count`` moments of a trace, evenly spread."""
    rows = _spread(len(trace.time_s), count)
    return Trace(trace.time_s[rows], trace.affect[rows], trace.before[rows], trace.after[rows], trace.own_mean[rows])


def _spread(length: int, count: int) -> NDArray[np.intp]:
    rows: NDArray[np.intp] = np.linspace(0, length - 1, min(length, count)).round().astype(np.intp)
    return rows


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _figure(height: float, width: float = _WIDTH) -> Figure:
    return Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place given in pixels from the upper left corner."""
    full_width, full_height = figure.get_size_inches() * 72
    bottom = full_height - top - height
    return figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))


def _legend(figure: Figure, handles: Sequence[Line2D], left: float) -> None:
    width, height = figure.get_size_inches() * 72
    figure.legend(handles=handles, loc="upper left", ncols=len(handles), bbox_to_anchor=(left / width, 1 - 3 / height))


def _dot(label: str, colour: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="", color=colour, markersize=7, markeredgewidth=0, label=label)


def _tick(label: str, colour: str) -> Line2D:
    return Line2D([], [], marker="|", linestyle="", color=colour, markersize=11, markeredgewidth=2, label=label)


def _line(label: str, colour: str, width: float) -> Line2D:
    return Line2D([], [], color=colour, linewidth=width, label=label)


def _inline_svg(figure: Figure, label: str) -> str:
    """Return a figure as one ``<svg>`` element for a page: colours are the page's variables, ids are its own."""
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has the font for it
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", stream.getvalue(), flags=re.DOTALL)
    body = body[body.index(">", body.index("<svg")) + 1 :]
    prefix = "f" + hashlib.sha256((label + body).encode()).hexdigest()[:8]
    body = re.sub(r"<[^>]+>", lambda tag: _adapted_tag(tag[0], prefix), body)
    width, height = (round(float(side) * 72) for side in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}" '
        f'style="min-width:{0.78 * width:.0f}px;max-width:{1.3 * width:.0f}px">{body.strip()}'
    )


def _adapted_tag(tag: str, prefix: str) -> str:
    tag = re.sub(r' id="', f' id="{prefix}-', tag)
    tag = re.sub(r' (?:xlink:)?href="#', f' href="#{prefix}-', tag).replace("url(#", f"url(#{prefix}-")
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, f"var({variable}, {colour})")
    return tag
