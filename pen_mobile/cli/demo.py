"""``pen-mobile demo``: everything in minutes, on synthetic people."""

from __future__ import annotations

from pathlib import Path

import click

from pen_mobile.cli.options import PATH, seed_option, targets_options
from pen_mobile.cli.output import Output, output_options


@click.command()
@click.option("--out", default="demo", show_default=True, type=PATH, help="Folder to make.")
@click.option(
    "--labels",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Labelled moments that each target person gives.",
)
@seed_option("Decides the people, the weights and every draw.")
@targets_options
@output_options
def demo(out: Path, labels: int, seed: int, targets: str | None, label_range: str | None, output: Output) -> None:
    """Run everything once, on synthetic people.

    Learn, export, verify, adapt and report, in minutes.
    """
    from pen_mobile.simulation.demo import run_demo
    from pen_mobile.targets import VALENCE_AROUSAL, Targets

    wanted = Targets.parse(targets, label_range) or VALENCE_AROUSAL
    outcome = run_demo(out, labels, seed, output.progress, targets=wanted)
    output.finish(outcome.to_dict(), outcome.as_parts())
