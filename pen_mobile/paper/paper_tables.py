"""Tables that hold this data against the paper: its statements, its own numbers, and the designs of Table 2."""

from __future__ import annotations

from collections.abc import Sequence

from pen_mobile.metrics import Agreement
from pen_mobile.paper.aggregates import AggregateRow, MeanStd
from pen_mobile.paper.comparators.published import TABLE_1, PublishedResult
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.protocol_result import Model, ProtocolResult, SourceEvaluation
from pen_mobile.paper.protocol_summary import Summary
from pen_mobile.paper.report_tables import DIGITS, Setting, percent, spread_text
from pen_mobile.paper.statements import OURS, Statement
from pen_mobile.utils.table import Row, Table
from pen_mobile.utils.text import decimal


def statement_table(statements: Sequence[Statement], *, ours: bool = False) -> Table:
    """Return the paper's statements, or ours, with what was found in each setting.

    Args:
        statements: of all settings.
        ours: those that are not in the paper.
    """
    alike: dict[tuple[str, str], list[Statement]] = {}
    for one in statements:
        if (one.source == OURS) == ours:
            alike.setdefault((one.text, one.source), []).append(one)
    rows = [
        row
        for (text, source), found in alike.items()
        for row in (Row([text if ours else f"{text} [{source}]"], "title"), *(one.row() for one in found))
    ]
    return Table(("where", "here", "numbers"), rows)


def source_table(sources: Sequence[SourceEvaluation]) -> Table:
    """Return experiment (i): s-SN and s-PEN on held-out rows of the source people they learned from.

    Args:
        sources: one for each seed.
    """
    head = ("model", "CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal")
    names = ("ccc_valence", "ccc_arousal", "rmse_valence", "rmse_arousal")
    rows = []
    for model in ("s-SN", "s-PEN"):
        found: list[Agreement] = [one.validation[model] for one in sources if model in one.validation]
        if found:
            rows.append((model, *(spread_text(MeanStd.of([getattr(one, name) for one in found])) for name in names)))
    return Table(head, rows, "Experiment (i): held-out rows of source people")


def learning_table(result: ProtocolResult, summary: Summary) -> Table:
    """Return the ways to learn from source people: CCC of held-out source rows, and of target people with every share.

    Args:
        result: the protocol.
        summary: of it.
    """
    cells = [cell for cell in result.cells if cell.study == "learning"]
    lines: dict[tuple[Model, str], list[AggregateRow]] = {}
    for line in summary.lines:
        if line.study == "learning":
            lines.setdefault((line.model, line.strategy), []).append(line)
    rows: list[Row] = []
    for model in dict.fromkeys(model for model, _ in lines):
        rows.append(Row([model], "title"))
        for (_, strategy), found in ((name, found) for name, found in lines.items() if name[0] == model):
            held_out = MeanStd.of([cell.held_out[strategy].ccc for cell in cells if strategy in cell.held_out])
            rows.append(Row([strategy, *map(spread_text, [held_out, *(line.pooled["ccc"] for line in found)])]))
    return Table(["n", "source, held out", *map(percent, result.plan.shares)], rows)


def published_table_1() -> Table:
    """Return the paper's Table 1 as it is printed: CCC on real people of RECOLA."""
    shares = [share for share, _ in TABLE_1["valence"]["s-SN"]]
    rows: list[Row] = []
    for dimension, models in TABLE_1.items():
        rows.append(Row([dimension], "title"))
        for model, values in models.items():
            known = dict(values)
            rows.append(Row([model, *(decimal(known.get(share), 2) for share in shares)]))
    return Table(["n", *map(percent, shares)], rows)


def published_table_2(rows: Sequence[PublishedResult]) -> Table:
    """Return the paper's Table 2, averages as printed.

    Args:
        rows: of the table.
    """
    head = ("model", "CCC valence", "arousal", "mean", "tested on", "note")
    cells = [
        (one.model, decimal(one.valence, 2), decimal(one.arousal, 2), one.printed_average, one.measured_on, one.note)
        for one in rows
    ]
    return Table(head, cells)


def comparison_grid(
    summary: Summary, setting: Setting, shares: Sequence[float], rows: Sequence[ComparisonRow]
) -> Table:
    """Return s-PEN without labels and with the fewest beside other methods, all measured on this data.

    Args:
        summary: all lines.
        setting: sampling and scope of s-PEN.
        shares: of the labels.
        rows: other methods.
    """
    head = ["", "what", "valence", "arousal", "mean", "RMSE", "seconds"]
    ours = [(share, summary.find(*setting, "s-PEN", share)) for share in shares[:2]]
    lines = [Row([f"s-PEN, {percent(share)}", setting.words, *_line_texts(line)]) for share, line in ours if line]
    lines += [Row([row.name, row.design, *_comparison_texts(row)]) for row in rows]
    caption = (
        "Measured here, on this data: CCC of valence and arousal over pooled rows. The other designs learned from "
        "source people, were tuned on the last fifth of their recordings, and are not adapted."
    )
    return Table(head, lines, caption)


def _line_texts(line: AggregateRow) -> list[str]:
    seconds = None if line.milliseconds.mean is None else line.milliseconds.mean / 1e3
    values = [line.pooled[name] for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse")]
    return [*(spread_text(value) for value in values), decimal(seconds, 1)]


def _comparison_texts(row: ComparisonRow) -> list[str]:
    values = (getattr(row.agreement, name) for name in ("ccc_valence", "ccc_arousal", "ccc", "rmse"))
    return [*(decimal(value, DIGITS) for value in values), decimal(row.seconds, 1)]
