"""``pen-mobile protocol``: the paper's whole evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pen_mobile.cli.completion import complete_data
from pen_mobile.cli.options import PATH, seed_option
from pen_mobile.cli.output import Output, output_options
from pen_mobile.utils.table import invented
from pen_mobile.utils.text import counted


@click.command()
@click.argument("source", metavar="DATA|RUN", shell_complete=complete_data)
@click.option("--out", required=True, type=PATH, help="Folder to make, or to go on with.")
@click.option("--data", help="Where the data of RUN are now, when not where they were.")
@click.option("--seeds", "seed_count", type=click.IntRange(1), default=1, show_default=True, help="How many seeds.")
@seed_option("The first of them.")
@click.option(
    "--samplings",
    default="random,blocks",
    show_default=True,
    help="How rows that adapt are chosen, some of: random (the paper), blocks (of time), first, recent.",
)
@click.option("--block-seconds", type=float, default=10.0, show_default=True, help="Length of a block of time.")
@click.option(
    "--gap-seconds", type=float, default=2.0, show_default=True, help="Rows so near to a tested one do not adapt."
)
@click.option(
    "--counts", default="5,10,20,40,60,120", show_default=True, help="Numbers of labels to compare strategies at."
)
@click.option(
    "--scopes",
    default="pooled,person",
    show_default=True,
    help="Adapt to all target people together as in the paper, or to one person at a time.",
)
@click.option("--epochs", default=30, show_default=True, help="Passes over the samples.")
@click.option("--steps", type=int, help="Steps of every adaptation, whatever the number of labels, instead of epochs.")
@click.option("--optimizer", default="adadelta", show_default=True, help="adadelta, adam or sgd, for all heads.")
@click.option("--learning-rate", type=float, help="Its step size; the optimizer's own when not given.")
@click.option("--joint-learning-rate", type=float, help="Step size of stage 4; see docs/training.md.")
@click.option(
    "--standardize/--no-standardize", default=True, show_default=True, help="Take steps on standardised features."
)
@click.option(
    "--backbone-saw-people",
    is_flag=True,
    help="Source people taught what made the features; a RUN knows it itself.",
)
@click.option("--batch-size", default=32, show_default=True, help="Samples a step.")
@click.option("--lambda-0", default=1e-3, show_default=True, help="Weight of the selector loss (Eq. 4).")
@click.option("--lambda-1", default=1e-3, show_default=True, help="Weight of the gate's sparsity (Eqs. 4 and 8).")
@click.option("--loss-convention", default="paper", show_default=True, help="paper (as written) or keras (means).")
@click.option("--strategies/--no-strategies", default=True, show_default=True, help="Compare strategies, too.")
@click.option("--comparators/--no-comparators", default=True, show_default=True, help="Learn Table 2's designs, too.")
@click.option("--learning-strategies", is_flag=True, help="Compare strategies of learning from source people, too.")
@click.option("--cross-validate", is_flag=True, help="Choose both lambdas from the paper's grid first.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; one for each processor when not given.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu or cuda.")
@output_options
def protocol(
    source: str,
    out: Path,
    data: str | None,
    seed_count: int,
    seed: int,
    samplings: str,
    scopes: str,
    counts: str,
    strategies: bool,
    jobs: int | None,
    device: str,
    output: Output,
    **settings: Any,
) -> None:
    """Run the paper's evaluation.

    SN and PEN are learned from source people, and adapted to n % of the rows of target people. DATA is a table of
    features (.npz or Parquet); RUN is a folder of 'pen-mobile train', whose backbone makes features of the data it
    learned from. Heads are learned anew for every seed. The same command goes on after an interruption; a finished
    part is never done twice.
    """
    import pen_mobile
    from pen_mobile.paper.comparison import comparison_rows
    from pen_mobile.paper.terminal_tables import as_parts
    from pen_mobile.utils.plain import to_plain
    from pen_mobile.utils.validation import validated_options

    options = {
        "seeds": tuple(range(seed, seed + seed_count)),
        "samplings": _listed(samplings),
        "scopes": _listed(scopes),
        "counts": _numbers(counts),
        "strategies": _strategies() if strategies else (),
    }
    plan = validated_options(pen_mobile.ProtocolPlan, options | settings)
    result, summary = pen_mobile.run_protocol(
        source, out, plan, data=data, jobs=jobs, device=device, progress=output.progress
    )
    output.finish(
        to_plain(result) | {"out": str(out), "summary": to_plain(summary)},
        [
            *as_parts(result, summary, comparison_rows(result)),
            f"{out / 'report.html'} shows every other setting, with figures",
            f"{out / 'results.json'}: {counted(len(result.plan.seeds), 'seed')}, "
            f"{counted(result.data.rows, 'row')} of {len(result.data.source)} source and "
            f"{len(result.data.target)} target people{invented(result.data.synthetic)}",
        ],
    )


def _strategies() -> tuple[str, ...]:
    from pen_mobile.contract.strategy import Strategy
    from pen_mobile.training.strategies import STRATEGIES

    return (Strategy.PRIOR, *STRATEGIES)


def _numbers(text: str) -> Any:
    """Return whole numbers as such, and others as text, which the plan refuses."""
    return tuple(int(part) if part.isdecimal() else part for part in _listed(text))


def _listed(text: str) -> Any:
    return tuple(part.strip() for part in text.split(",") if part.strip())
