"""The protocol as one page that loads nothing else, and its figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pen_mobile.data.statistics_record import EDGES
from pen_mobile.data.table import ROLES, Role
from pen_mobile.paper.comparators.published import TABLE_2
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.person_scores import COMPARED, PersonScore, person_scores, representative
from pen_mobile.paper.predictions import Predictions, estimate_key
from pen_mobile.paper.protocol_figures import (
    Over,
    TracePanel,
    gate_maps_figure,
    learning_curve_figure,
    person_figure,
    person_trace_figure,
)
from pen_mobile.paper.protocol_plan import Sampling
from pen_mobile.paper.protocol_result import OWN_MEAN, Cell, ProtocolResult
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_tables import (
    Setting,
    check_table,
    comparison_grid,
    difference_grids,
    percent,
    published_table,
    sampling_words,
    strategy_grids,
    table_1_grids,
)
from pen_mobile.paper.strategy_figures import strategy_figure
from pen_mobile.paper.terminal_tables import strategy_table
from pen_mobile.reports.data_figures import JOINT, draw_joint
from pen_mobile.reports.figure_output import inline_svg, save_figure
from pen_mobile.reports.html import number, render
from pen_mobile.reports.mpl import Figure
from pen_mobile.reports.plot_style import INK
from pen_mobile.utils.files import replacing
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.table import Table, typographic
from pen_mobile.utils.text import decimal, signed

REPORT = "report.html"
FIGURES = "figures"

_CURVES: tuple[tuple[str, Over, str], ...] = (
    ("ccc", "pooled", "CCC over the test rows of all people together"),
    ("ccc", "person", "CCC of each person, mean over people"),
    ("rmse", "pooled", "RMSE over the test rows of all people together"),
)


class Drawing(NamedTuple):
    """A figure on the page, with what is written above it."""

    caption: str
    svg: Markup


def write_report(
    result: ProtocolResult,
    summary: Summary,
    folder: Path,
    *,
    affect: Mapping[Role, NDArray[np.float32]] | None = None,
    comparisons: Sequence[ComparisonRow] = (),
) -> Path:
    """Write ``report.html`` and its figures as PNG and SVG files in ``figures``; old ones are replaced.

    Args:
        result: the protocol.
        summary: of it.
        folder: of the protocol; the files that cells name as their predictions are below it.
        affect: labels ``[N, 2]`` of source and of target people; without them their distribution is not drawn.
        comparisons: other methods that were measured on the same data.

    Returns:
        Where the page is.
    """
    pages = _Pages(result, summary, folder, affect or {}, comparisons)
    page = render("protocol.html.j2", pages.variables())
    path = folder / REPORT
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


@dataclass(frozen=True, eq=False)
class _Pages:
    """What :func:`write_report` was given, and every section made of it; one that has nothing to say is empty."""

    result: ProtocolResult
    summary: Summary
    folder: Path
    affect: Mapping[Role, NDArray[np.float32]]
    comparisons: Sequence[ComparisonRow]

    def variables(self) -> dict[str, Any]:
        """Return the variables of the template."""
        settings = self._settings()
        return {
            "result": self.result,
            "main": settings[0] if settings else None,
            "headline": self._headline(settings),
            "tables": [(setting.words, table_1_grids(self.summary, setting, self._shares)) for setting in settings],
            "differences": self._differences(settings),
            "checks": check_table(self.summary.checks),
            "curves": self._curves(settings),
            "joint": self._joint(),
            "people": self._people(settings),
            "gates": self._gates(settings),
            "traces": self._traces(settings),
            "published": published_table(TABLE_2),
            "sources": TABLE_2,
            "version": self.result.versions.get("pen-mobile", ""),
            "measured": self._measured(settings),
            "strategies": [self._strategies(sampling) for sampling in self._samplings("strategies")],
            "left_out": self._left_out(),
            "facts": self._facts(),
            "origin": self._origin(),
        }

    @property
    def _shares(self) -> Sequence[float]:
        shares: Sequence[float] = self.result.plan.shares
        return shares

    def _settings(self) -> list[Setting]:
        """Return every Table 1 there is; the first is the paper's, if the paper's is there."""
        there = {(line.sampling, line.scope) for line in self.summary.lines if line.study == "models"}
        wanted = (
            Setting(sampling, scope) for sampling in self.result.plan.samplings for scope in self.result.plan.scopes
        )
        return [setting for setting in wanted if setting in there]

    def _samplings(self, study: str) -> list[Sampling]:
        there = {line.sampling for line in self.summary.lines if line.study == study}
        return [sampling for sampling in self.result.plan.samplings if sampling in there]

    def _headline(self, settings: Sequence[Setting]) -> str:
        """Say in one sentence what labels did for s-PEN, beside s-SN and the baseline."""
        most = max(self._shares)
        found = [self._pooled_ccc(settings[0], model, most) if settings else None for model in (*COMPARED, OWN_MEAN)]
        sn, pen, own_mean = found
        if sn is None or pen is None:
            return ""
        words = f"With {percent(most)} of the labels, s-PEN reaches a pooled CCC of {number(pen)} and s-SN {number(sn)}"
        if own_mean is not None:
            words += f"; each person's own mean reaches {number(own_mean)}"
        before = self._pooled_ccc(settings[0], "s-PEN", 0.0) if most else None
        return words + ("." if before is None else f". Without labels, s-PEN was at {number(before)}.")

    def _pooled_ccc(self, setting: Setting, model: Any, share: float) -> float | None:
        line = self.summary.find(*setting, model, share)
        return None if line is None else line.pooled["ccc"].mean

    def _differences(self, settings: Sequence[Setting]) -> list[tuple[str, Any]]:
        grids = ((setting.words, difference_grids(self.summary, setting, self._shares)) for setting in settings)
        return [(words, found) for words, found in grids if found]

    def _curves(self, settings: Sequence[Setting]) -> list[list[Drawing]]:
        """Return a row of figures for each measure, a figure for each sampling."""
        if len(self._shares) < 2 or not settings:
            return []
        return [
            [self._curve(settings, sampling, measure, over, words) for sampling in self._samplings("models")]
            for measure, over, words in _CURVES
        ]

    def _curve(self, settings: Sequence[Setting], sampling: Sampling, measure: str, over: Over, words: str) -> Drawing:
        scopes = [setting.scope for setting in settings if setting.sampling == sampling]
        figure = learning_curve_figure(self.summary, sampling, scopes, self._shares, measure, over)
        name = f"learning-curves-{measure}-{over}-{sampling}"
        return self._add(name, figure, f"{words}; {sampling_words(sampling)}")

    def _joint(self) -> Drawing | None:
        if not self.affect:
            return None
        counts = {role: _joint(values) for role, values in self.affect.items()}
        figure = draw_joint(counts, dict.fromkeys(ROLES, INK))  # orange and blue are models on this page
        return self._add("joint-labels", figure, JOINT)

    def _people(self, settings: Sequence[Setting]) -> list[Drawing]:
        drawings = []
        for setting in settings:
            scores = person_scores(list(self.result.select(*setting)))
            if scores:
                name = f"people-{setting.sampling}-{setting.scope}"
                drawings.append(self._add(name, person_figure(scores), setting.words))
        return drawings

    def _gates(self, settings: Sequence[Setting]) -> list[Drawing]:
        """Return the first seed's gates with the first sampling; the other's look alike, and are large."""
        drawings = []
        for setting in [setting for setting in settings if setting.sampling == settings[0].sampling]:
            cell = next(self.result.select(*setting))
            source = next((one.gate for one in self.result.sources if one.seed == cell.seed), {})
            if source and cell.gate_before and cell.gate_after:
                figure = gate_maps_figure(source, cell.gate_before, cell.gate_after)
                name = f"gate-{setting.sampling}-{setting.scope}"
                drawings.append(self._add(name, figure, setting.words))
        return drawings

    def _traces(self, settings: Sequence[Setting]) -> dict[str, Any] | None:
        """Return the traces of a few people in the first setting that kept its predictions."""
        for setting in settings:
            for cell in self.result.select(*setting):
                if cell.predictions is not None and (self.folder / cell.predictions).is_file():
                    drawings = self._traces_of(cell)
                    return {"setting": setting.words, "seed": cell.seed, "drawings": drawings} if drawings else None
        return None

    def _traces_of(self, cell: Cell) -> list[Drawing]:
        predictions = Predictions.load(self.folder / str(cell.predictions))
        panels = _trace_panels(predictions, self._shares)
        return [
            self._add(f"trace-{place + 1}", person_trace_figure(predictions, score.name, panels), _gain_words(score))
            for place, score in enumerate(representative(person_scores([cell])))
        ]

    def _measured(self, settings: Sequence[Setting]) -> Any:
        if not (self.comparisons and settings):
            return None
        return comparison_grid(self.summary, settings[0], self._shares, self.comparisons)

    def _strategies(self, sampling: Sampling) -> dict[str, Any]:
        lines = [line for line in self.summary.lines if (line.study, line.sampling) == ("strategies", sampling)]
        cell = next(self.result.select(sampling, lines[0].scope, "strategies"))
        figure = strategy_figure(lines, len(cell.evaluations[0].people))
        words = sampling_words(sampling)
        return {
            "title": words[0].upper() + words[1:],
            "winners": strategy_table(self.summary, sampling),
            "drawing": self._add(f"strategies-{sampling}", figure, f"Strategies against the number of labels; {words}"),
            "grids": strategy_grids(lines),
        }

    def _left_out(self) -> Table:
        """Return samplings with the reason for each person that they left out."""
        reasons = {
            (cell.sampling, name): reason for cell in self.result.cells for name, reason in cell.left_out.items()
        }
        rows = [(sampling_words(sampling), reason) for (sampling, _), reason in sorted(reasons.items())]
        return Table(("rows that adapt", "reason"), rows)

    def _facts(self) -> dict[str, str]:
        """Return the settings, as people read them; what was not set is left out."""
        plan = to_plain(self.result.plan).items()
        settings = {
            name.replace("_", " "): _setting_words(value) for name, value in plan if value not in (None, (), [])
        }
        sources, cells = self.result.sources, self.result.cells
        return settings | {
            "source learning": f"{decimal(sum(one.seconds for one in sources), 1)} s in all",
            "adaptation and tests": f"{decimal(sum(one.seconds for one in cells), 1)} s in all",
        }

    def _origin(self) -> dict[str, str]:
        """Return the data and the versions that made the numbers."""
        data = self.result.data
        source, target = (sum(people.values()) for people in (data.source, data.target))
        return {
            "data": data.origin,
            "rows": f"{source:,} of source people, {target:,} of target people",
            "SHA-256": data.digest,
            "backbone": data.backbone or "none: features were given",
            **self.result.versions,
        }

    def _add(self, name: str, figure: Figure, caption: str) -> Drawing:
        """Save a figure as files and return it for the page."""
        for suffix in (".png", ".svg"):
            save_figure(figure, self.folder / FIGURES / f"{name}{suffix}")
        return Drawing(caption, Markup(inline_svg(figure, caption)))


def _setting_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _gain_words(score: PersonScore) -> str:
    return (
        f"{score.name}: s-PEN minus s-SN is {typographic(signed(score.difference or 0.0))} CCC, mean over all n above 0"
    )


def _joint(affect: NDArray[np.float32]) -> list[list[int]]:
    values = affect.astype(np.float64).round(6)  # a label of 0.7 belongs to the bin that begins at 0.7
    counts, _, _ = np.histogram2d(values[:, 0], values[:, 1], bins=(EDGES, EDGES))
    joint: list[list[int]] = counts.astype(np.int64).tolist()
    return joint


def _trace_panels(predictions: Predictions, shares: Sequence[float]) -> list[TracePanel]:
    """Return one column for the smallest and one for the largest share, as far as there are estimates."""
    panels = []
    for share in dict.fromkeys((min(shares), max(shares))):
        keys = {model: estimate_key(model, share) for model in COMPARED}
        there = {model: key for model, key in keys.items() if key in predictions.estimates}
        if there:
            panels.append(TracePanel(f"adapted to {percent(share)}" if share else "unadapted", there))
    return panels
