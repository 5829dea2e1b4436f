"""``pen-mobile export``: a run becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pen_mobile.cli.completion import complete_recipe
from pen_mobile.cli.options import PATH, card_options, read_card
from pen_mobile.cli.output import Output, output_options


@click.command()
@click.argument("run", type=PATH)
@click.option(
    "--recipe",
    default="android-fp32",
    show_default=True,
    shell_complete=complete_recipe,
    help="Built-in name, or a recipe file.",
)
@click.option("--out", required=True, type=PATH, help="Bundle folder to make, or archive when it ends in .zip.")
@click.option("--data", help="Where the data of RUN are now; int8 is calibrated on them.")
@click.option("--sign-key", type=PATH, help="PEM private key on P-256 (prime256v1) to sign the bundle with.")
@click.option("--model", help="Name of the model, of which this bundle is one; goes with --serial.")
@click.option("--serial", type=click.IntRange(1), help="Number of the bundle; stores refuse a lower one of the model.")
@card_options
@output_options
def export(
    run: Path,
    recipe: str,
    out: Path,
    data: str | None,
    sign_key: Path | None,
    model: str | None,
    serial: int | None,
    output: Output,
    **options: Any,
) -> None:
    """Export a run as a verified bundle.

    Beside OUT a model card in Markdown is written, from what --model-name and its like said here or at training.
    RUN/lowered keeps what was made: the same export again is a copy of it. It may be deleted at any time.
    """
    import pen_mobile

    result = pen_mobile.export(
        run,
        out,
        recipe=recipe,
        data=data,
        sign_key=sign_key,
        model=model,
        serial=serial,
        card=read_card(options),
        progress=output.progress,
    )
    output.finish({"bundle": str(out)} | result.to_dict(), result.as_parts())
