"""The protocol as one page that loads nothing else, and its figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_mobile.data.table import Role
from pen_mobile.paper.comparators.published import TABLE_2
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.paper_tables import (
    comparison_grid,
    learning_table,
    published_table_1,
    published_table_2,
    source_table,
    statement_table,
)
from pen_mobile.paper.person_scores import COMPARED
from pen_mobile.paper.protocol_plan import Sampling
from pen_mobile.paper.protocol_result import OWN_MEAN, ProtocolResult
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_drawings import Drawings
from pen_mobile.paper.report_tables import Setting, difference_grids, percent, sampling_words, table_1_grids
from pen_mobile.paper.strategy_tables import interval_tables, strategy_grids, winners_table
from pen_mobile.reports.html import number, render
from pen_mobile.training.config import LearningConfig
from pen_mobile.types import Floats
from pen_mobile.utils.files import replacing
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.table import Table
from pen_mobile.utils.text import decimal


def write_report(
    result: ProtocolResult,
    summary: Summary,
    folder: Path,
    *,
    affect: Mapping[Role, Floats] | None = None,
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
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


@dataclass(frozen=True, eq=False)
class _Pages:
    """What :func:`write_report` was given, and every section made of it; one that has nothing to say is empty."""

    result: ProtocolResult
    summary: Summary
    folder: Path
    affect: Mapping[Role, Floats]
    comparisons: Sequence[ComparisonRow]

    def variables(self) -> dict[str, Any]:
        """Return the variables of the template."""
        settings = self._settings()
        drawings = Drawings(self.result, self.summary, self.folder, self.affect)
        return {
            "result": self.result,
            "main": settings[0] if settings else None,
            "headline": self._headline(settings),
            "tables": [(setting.words, table_1_grids(self.summary, setting, self._shares)) for setting in settings],
            "differences": self._differences(settings),
            "checks": statement_table(self.summary.statements),
            "ours": statement_table(self.summary.statements, ours=True),
            "source_learning": source_table(self.result.sources),
            "patience": LearningConfig().patience,
            "learning": learning_table(self.result, self.summary),
            "curves": drawings.curves(settings),
            "joint": drawings.joint(),
            "estimates": drawings.estimates(settings),
            "people": drawings.people(settings),
            "gates": drawings.gates(settings),
            "traces": drawings.traces(settings),
            "published_1": published_table_1(),
            "published": published_table_2(TABLE_2),
            "sources": TABLE_2,
            "version": self.result.versions.get("pen-mobile", ""),
            "measured": self._measured(settings),
            "strategies": [self._strategies(drawings, sampling) for sampling in self._samplings("strategies")],
            "left_out": self._left_out(),
            "notes": self._notes(),
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

    def _measured(self, settings: Sequence[Setting]) -> Any:
        if not (self.comparisons and settings):
            return None
        return comparison_grid(self.summary, settings[0], self._shares, self.comparisons)

    def _strategies(self, drawings: Drawings, sampling: Sampling) -> dict[str, Any]:
        lines = [line for line in self.summary.lines if (line.study, line.sampling) == ("strategies", sampling)]
        words = sampling_words(sampling)
        return {
            "title": words[0].upper() + words[1:],
            "winners": winners_table(self.summary, sampling),
            "intervals": interval_tables(self.summary, sampling),
            "drawing": drawings.strategies(sampling),
            "grids": strategy_grids(lines),
        }

    def _notes(self) -> list[str]:
        """Return what a reader should know about the rows."""
        return list(dict.fromkeys(note for cell in self.result.cells for note in cell.notes))

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
        learning = self.result.plan.source_config(0)
        return settings | {
            "joint learning rate": f"{learning.joint_step_size:g}",
            "early stopping of stage 4": f"{learning.early_stopping}, {learning.patience} epochs",
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


def _setting_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
