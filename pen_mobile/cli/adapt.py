"""``pen-mobile adapt``: one person's phone learns from that person's labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pen_mobile.cli.completion import complete_strategy
from pen_mobile.cli.options import (
    PATH,
    allow_older_option,
    data_option,
    key_option,
    public_key_option,
    read_key,
    seed_option,
)
from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.table import invented
from pen_mobile.utils.text import counted, decimal

if TYPE_CHECKING:
    from pen_mobile.phone.adaptation.adapt import AdaptationResult


@click.command()
@click.argument("bundle", type=PATH)
@data_option
@click.option("--subject", required=True, help="Person whose phone it is.")
@click.option("--store", required=True, type=PATH, help="The owner's personal store; made when it is not there.")
@key_option
@public_key_option
@allow_older_option
@click.option(
    "--labels",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Labelled moments to draw from the first half in time.",
)
@click.option(
    "--strategy",
    shell_complete=complete_strategy,
    help="How to adapt, of those that the bundle carries.  [default: the bundle's]",
)
@click.option("--optimizer", help="Of gradient steps, one that the bundle carries.  [default: the bundle's]")
@seed_option("Decides which moments.")
@output_options
def adapt(
    bundle: Path,
    data: str,
    subject: str,
    store: Path,
    key_file: Path | None,
    public_key: Path | None,
    allow_older: bool,
    labels: int,
    strategy: str | None,
    optimizer: str | None,
    seed: int,
    output: Output,
) -> None:
    """Adapt a phone to one person, and test it.

    The head of BUNDLE adapts in the real runtime, as on that person's phone. Labels come from the first half of the
    person's recording and are kept in the store; the second half tests what changed. The old head stays when
    held-out labels do not support the new one: the exit code is 3 then. A store that is made with --key-file is
    encrypted with that key. After Ctrl-C the same command goes on where it was, unless the bundle's recipe says
    otherwise.
    """
    import pen_mobile
    from pen_mobile.evaluation.verdict import agreements_table, person_sentence

    result = pen_mobile.adapt_person(
        bundle,
        data,
        subject,
        store,
        labels=labels,
        strategy=strategy,
        optimizer=optimizer,
        seed=seed,
        key=read_key(key_file, output.progress),
        public_key=public_key,
        allow_older=allow_older,
        progress=output.progress,
    )
    adaptation = result.adaptation
    three = [(name, getattr(result, name)) for name in ("before", "after", "own_mean")]
    output.finish(
        {"store": str(store)} | result.to_dict(),
        [
            f"{'accepted' if adaptation.accepted else 'refused'}: {adaptation.reason}",
            *_fewer(result.labels_given, labels, subject),
            *_lines(adaptation),
            agreements_table("second half", three),
            *([person_sentence(result)] if adaptation.accepted else []),
            f"{subject}: the store is {store}{invented(result.synthetic)}",
        ],
        refused=not adaptation.accepted,
    )


def _fewer(given: int, wanted: int, subject: str) -> list[str]:
    if given >= wanted:
        return []
    return [f"{counted(given, 'label')} instead of {wanted:,}: the first half of {subject} has no more"]


def _lines(adaptation: AdaptationResult) -> list[str]:
    steps = f", {counted(adaptation.steps, 'step')}" if adaptation.steps else ""
    done = f"{adaptation.method}{steps} in {adaptation.seconds * 1e3:.0f} ms"
    if adaptation.targets:
        worth = decimal(adaptation.effective_labels, 1)
        done += f"; {counted(adaptation.labels, 'label')} count as {worth}, because labels close in time are alike"
    earlier = adaptation.resumed_from
    resumed = [] if earlier is None else [f"went on after {counted(earlier, 'step')} done before"]
    return [done, *resumed, *([] if adaptation.discarded is None else [adaptation.discarded])]
