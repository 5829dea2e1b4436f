"""``pen-mobile data``: recordings are prepared, and data are inspected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pen_mobile.cli.completion import complete_data
from pen_mobile.cli.options import PATH, allow_outside_option, seed_option, targets_options
from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.table import Table, invented
from pen_mobile.utils.text import counted


@click.group()
def data() -> None:
    """Prepare recordings, and inspect data."""


@data.command()
@click.argument("source", type=PATH)
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice(["recola", "afew-va", "aff-wild2", "table"]),
    help="Kind of SOURCE; a table is a .csv or .parquet file of pictures, the others are folders.",
)
@click.option("--out", required=True, type=PATH, help="Folder to make, or to go on with.")
@click.option("--size", default=224, show_default=True, help="Side of the face crops, pixels.")
@click.option("--margin", default=3.0, show_default=True, help="Side of a crop as a multiple of the eye distance.")
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "blazeface", "lbp-frontal"]),
    help="Face detector; auto is BlazeFace where its weights can be had.",
)
@click.option("--face-model", type=PATH, help="BlazeFace's weights; fetched once when not given.")
@click.option(
    "--lag", type=(float, float), default=(0.0, 0.0), help="Seconds raters of valence and arousal are behind."
)
@click.option("--jobs", type=click.IntRange(1), help="Processes; one for each processor when not given.")
@seed_option("Decides which actors become targets (afew-va).")
@click.option("--strict", is_flag=True, help="Stop at the first recording, image or row that cannot be used.")
@targets_options
@allow_outside_option
@output_options
def prepare(
    source: Path,
    out: Path,
    output: Output,
    **options: Any,
) -> None:
    """Cut the faces out of recordings.

    Everything that is left out is counted and named. SOURCE is the folder as the data set is handed out, or for
    table a .csv, .tsv or .parquet file that names the images. The same command goes on after an interruption.
    """
    import pen_mobile

    record = pen_mobile.prepare_dataset(source, out, progress=output.progress, **options)
    rows = [(one.name, one.role, f"{one.rated:,}", f"{one.kept:,}", _reasons(one.dropped)) for one in record.recordings]
    output.finish(
        {"out": str(out)} | record.model_dump(),
        [
            Table(("recording", "role", "rated", "kept", "left out"), rows),
            *_left_out_lines(record.left_out),
            f"{out}: {counted(record.rows, 'row')} of {counted(len(rows), 'recording')}",
        ],
    )


@data.command("inspect")
@click.argument("source", metavar="DATA", shell_complete=complete_data)
@click.option("--html", type=PATH, help="Also write a page with figures and faces, one file, here.")
@click.option("--frame-size", type=click.IntRange(1), help="Side to which images are brought, pixels.")
@targets_options
@allow_outside_option
@output_options
def inspect_data(source: str, html: Path | None, frame_size: int | None, output: Output, **labels: str | None) -> None:
    """Describe people and labels, and warn.

    DATA is as for train. Nothing in it is changed.
    """
    import pen_mobile
    from pen_mobile.data.statistics_record import extent, headline

    statistics = pen_mobile.inspect_dataset(source, size=frame_size, html=html, progress=output.progress, **labels)
    output.finish(
        statistics.to_dict() | {"html": None if html is None else str(html)},
        [
            headline(statistics),
            Table(_statistics_head(statistics.targets.names), [*map(_statistics_cells, statistics.people)]),
            *(f"warning: {warning}" for warning in statistics.warnings),
            f"{source}: {extent(statistics)}{invented(statistics.synthetic)}",
        ],
    )


_MOST_LEFT_OUT = 20


def _statistics_head(targets: Sequence[str]) -> tuple[str, ...]:
    return ("person", "role", "rows", "seconds", "step s", "gap s", *targets, "duplicates")


def _statistics_cells(person: Any) -> list[str]:
    times = (person.seconds, person.median_step_s, person.largest_gap_s)
    return [
        person.subject,
        person.role,
        f"{person.rows:,}",
        *("-" if time is None else f"{time:.2f}" for time in times),
        *(f"{label.mean:.2f} ± {label.std:.2f}" for label in person.labels.values()),
        f"{person.duplicates:,}",
    ]


def _left_out_lines(reasons: dict[str, str]) -> list[str]:
    lines = [f"left out: {reason}" for reason in reasons.values()]
    more = len(lines) - _MOST_LEFT_OUT
    return lines if more <= 0 else [*lines[:_MOST_LEFT_OUT], f"left out: {more:,} more; --json names them all"]


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "nothing"
