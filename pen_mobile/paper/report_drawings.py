"""Every figure of the protocol, as files and for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from pen_mobile.data.label_statistics import joint_counts
from pen_mobile.data.table import ROLES, Role
from pen_mobile.paper.person_scores import PersonScore, by_size, person_scores, representative
from pen_mobile.paper.predictions import Predictions, estimate_key
from pen_mobile.paper.protocol_figures import (
    Over,
    gate_maps_figure,
    learning_curve_figure,
    person_figure,
)
from pen_mobile.paper.protocol_plan import Sampling
from pen_mobile.paper.protocol_result import Cell, ProtocolResult
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_tables import Setting, percent, sampling_words
from pen_mobile.paper.strategy_figures import strategy_figure
from pen_mobile.paper.trace_figure import TracePanel, person_trace_figure
from pen_mobile.reports.data_figures import JOINT, draw_joint
from pen_mobile.reports.figure_output import inline_svg, save_figure
from pen_mobile.reports.mpl import Figure
from pen_mobile.reports.plot_style import INK
from pen_mobile.targets import DEFAULT_TARGETS, VALENCE_AROUSAL
from pen_mobile.types import Floats
from pen_mobile.utils.table import typographic
from pen_mobile.utils.text import joined, signed

FIGURES = "figures"

_CURVES: tuple[tuple[str, Over, str], ...] = (
    ("ccc", "pooled", "CCC over the test rows of all people together"),
    ("ccc", "person", "CCC of each person, mean over people"),
    ("rmse", "pooled", "RMSE over the test rows of all people together"),
)


class Drawing(NamedTuple):
    """A figure on the page, with the text above it."""

    caption: str
    svg: Markup

    @classmethod
    def saved(cls, figure: Figure, caption: str, path: Path) -> Drawing:
        """Save a figure as files and return it for the page; the SVG is drawn once for both.

        Args:
            figure: the figure.
            caption: text above it.
            path: where the files go, without a suffix.
        """
        for suffix in (".png", ".svg"):
            save_figure(figure, path.with_name(path.name + suffix))
        drawn = path.with_name(f"{path.name}.svg").read_text(encoding="utf-8")
        return cls(caption, Markup(inline_svg(figure, caption, drawn)))


@dataclass(frozen=True, eq=False)
class Drawings:
    """The figures of one protocol.

    Attributes:
        result: the protocol.
        summary: of it.
        folder: of the protocol.
        affect: labels ``[N, 2]`` of source and of target people.
    """

    result: ProtocolResult
    summary: Summary
    folder: Path
    affect: Mapping[Role, Floats]

    def curves(self, settings: Sequence[Setting]) -> list[list[Drawing]]:
        """Return a row of figures for each measure, a figure for each sampling."""
        if len(self._shares) < 2 or not settings:
            return []
        samplings = list(dict.fromkeys(setting.sampling for setting in settings))
        return [
            [self._curve(settings, sampling, measure, over, words) for sampling in samplings]
            for measure, over, words in _CURVES
        ]

    def _curve(self, settings: Sequence[Setting], sampling: Sampling, measure: str, over: Over, words: str) -> Drawing:
        scopes = [setting.scope for setting in settings if setting.sampling == sampling]
        figure = learning_curve_figure(self.summary, sampling, scopes, self._shares, measure, over)
        name = f"learning-curves-{measure}-{over}-{sampling}"
        return self._add(name, figure, f"{words}; {sampling_words(sampling)}")

    def joint(self) -> Drawing | None:
        """Return where labels lie on the plane (the paper's Fig. 2); None without labels."""
        if not self.affect:
            return None
        counts = {role: _counts(values) for role, values in self.affect.items()}
        figure = draw_joint(counts, dict.fromkeys(ROLES, INK))  # orange and blue are models on this page
        return self._add("joint-labels", figure, JOINT.format(joined(DEFAULT_TARGETS)))

    def people(self, settings: Sequence[Setting]) -> list[Drawing]:
        """Return the CCC of each person in every setting (the paper's Fig. 3)."""
        drawings = []
        for setting in settings:
            scores = person_scores(list(self.result.select(*setting)))
            if scores:
                name = f"people-{setting.sampling}-{setting.scope}"
                drawings.append(self._add(name, person_figure(by_size(scores)), setting.words))
        return drawings

    def gates(self, settings: Sequence[Setting]) -> list[Drawing]:
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

    def traces(self, settings: Sequence[Setting]) -> dict[str, Any] | None:
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

    def estimates(self, settings: Sequence[Setting]) -> Drawing | None:
        """Return where labels and s-PEN's estimates lie before and after adaptation (the caption of Fig. 2)."""
        cell = self._with_predictions(settings)
        if cell is None:
            return None
        predictions, shares = Predictions.load(self.folder / str(cell.predictions)), self._shares
        panels = {"labels": predictions.affect}
        for share, title in ((min(shares), "s-PEN, not adapted"), (max(shares), f"adapted to {percent(max(shares))}")):
            found = predictions.estimates.get(estimate_key("s-PEN", share))
            if found is not None and (share > 0) == title.startswith("adapted"):
                panels[title] = found
        if len(panels) < 3:
            return None
        counts = {title: _counts(values) for title, values in panels.items()}
        figure = draw_joint(counts, dict.fromkeys(panels, INK), "the rows")
        words = f"{Setting(cell.sampling, cell.scope).words}, seed {cell.seed}"
        return self._add("joint-estimates", figure, f"Test rows of target people: {words}")

    def strategies(self, sampling: Sampling) -> Drawing:
        """Return strategies against the number of labels.

        Args:
            sampling: how the rows that adapt were chosen.
        """
        lines = [line for line in self.summary.lines if (line.study, line.sampling) == ("strategies", sampling)]
        cell = next(self.result.select(sampling, lines[0].scope, "strategies"))
        figure = strategy_figure(lines, len(cell.evaluations[0].people))
        caption = f"Strategies against the number of labels; {sampling_words(sampling)}"
        return self._add(f"strategies-{sampling}", figure, caption)

    @property
    def _shares(self) -> Sequence[float]:
        return self.result.plan.shares

    def _with_predictions(self, settings: Sequence[Setting]) -> Cell | None:
        """Return the first cell that kept its predictions."""
        cells = (cell for setting in settings for cell in self.result.select(*setting))
        there = (cell for cell in cells if cell.predictions and (self.folder / cell.predictions).is_file())
        return next(there, None)

    def _add(self, name: str, figure: Figure, caption: str) -> Drawing:
        return Drawing.saved(figure, caption, self.folder / FIGURES / name)


def _gain_words(score: PersonScore) -> str:
    return (
        f"{score.name}: s-PEN minus s-SN is {typographic(signed(score.difference or 0.0))} CCC, mean over all n above 0"
    )


def _counts(affect: Floats) -> Sequence[Sequence[int]]:
    return joint_counts(np.clip(affect, -1, 1), VALENCE_AROUSAL)


def _trace_panels(predictions: Predictions, shares: Sequence[float]) -> list[TracePanel]:
    """Return one column for the smallest and one for the largest share, as far as there are estimates."""
    ends = dict.fromkeys((min(shares), max(shares)))
    panels = [
        TracePanel.of(predictions, share, f"adapted to {percent(share)}" if share else "unadapted") for share in ends
    ]
    return [panel for panel in panels if panel.keys]
