"""``pen-mobile train``: learn from the source people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from pen_mobile.cli.completion import complete_data
from pen_mobile.cli.options import PATH, card_options, read_card, targets_options
from pen_mobile.cli.output import Output, output_options


@click.command()
@click.argument("data", shell_complete=complete_data)
@click.option("--out", required=True, type=PATH, help="Run folder to make, or to resume.")
@click.option("--config", type=PATH, help="TOML file with any of the settings (see docs/training.md).")
@click.option("--backbone", help="torchvision network, such as resnet50 or mobilenet_v3_small.")
@click.option("--weights", help="'none', 'imagenet' (or -v1, -v2), or the path of a weights file.")
@click.option("--input-size", type=int, help="Side of the backbone's square input, pixels.")
@click.option("--layer-strategy", help="together-then-head (the paper), together, head-first or frozen.")
@click.option("--expert-learning", help="joint (the paper), isolated or isolated-then-joint.")
@click.option("--early-stopping", help="patience (default) or cap: how stage 4 reads 'after only five epochs'.")
@click.option(
    "--backbone-saw-people/--backbone-never-saw-people",
    default=None,
    help="Whether source people taught what made given features (default: no), or the weights of a frozen backbone.",
)
@click.option("--max-steps", type=int, help="Stop every stage after this many steps; for trying things out.")
@click.option("--seed", type=int, help="Decides initial weights, splits and the order of batches.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--devices", default=1, show_default=True, help="How many of them.")
@click.option("--precision", default="32-true", show_default=True, help="Lightning Fabric's, such as bf16-mixed.")
@targets_options
@card_options
@output_options
def train(data: str, out: Path, output: Output, **settings: Any) -> None:
    r"""Learn from the source people of DATA.

    Backbone, shared head and experts are learned one after the other (Algorithm 1), then a prior: how people differ.

    \b
    DATA is one of
      synthetic                 synthetic people; 'synthetic:sources=3,targets=1,seconds=20,fps=2,seed=0'
      FOLDER                    made by 'pen-mobile data prepare'
      FILE.csv, FILE.parquet    a table with columns subject, role, valence, arousal (or --targets), image, and time_s
      FILE.parquet              the same with feature, a list of numbers, instead of image
      FILE.npz                  features: arrays z [N, D_z], y [N, K], subject, role, and optionally time_s

    The same command resumes a run that was interrupted.
    """
    import pen_mobile

    if not _is_first_process():
        output.mute()
    card = read_card(settings)
    run = pen_mobile.train(data, out, card=card, progress=output.progress, **settings)
    output.finish(run.to_dict(), run.as_parts())


def _is_first_process() -> bool:
    """Tell whether this is the process that prints: with several devices, Lightning Fabric starts one for each."""
    return all(int(os.environ.get(variable, 0)) == 0 for variable in ("LOCAL_RANK", "NODE_RANK"))
