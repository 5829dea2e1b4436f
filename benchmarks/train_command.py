"""How long does `pen-mobile train` take on a table of features, beside another checkout?

Both take turns, each time in a new process on a new table, with all cores.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import measure
from protocol import GROWTH_NAME, Size, run

SIZE, TINY = Size(people=18, frames=3000, features=64), Size(people=4, frames=60, features=8)
TRAIN = ["train", "features.npz", "--out", "run", "--device", "cpu", "-q"]


@click.command()
@click.option("--quick", is_flag=True, help="One tiny table, one epoch; writes nothing.")
@click.option("--against", type=click.Path(path_type=Path), help="Another checkout to measure in turn.")
@click.option("--rounds", default=3, show_default=True, help="How often each is measured.")
def main(quick: bool, against: Path | None, rounds: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # this question is about all cores
    checkouts = {"this": Path(__file__).resolve().parents[1]} | ({"before": against.resolve()} if against else {})
    size, command = (TINY, [*TRAIN, "--max-steps", "3"]) if quick else (SIZE, TRAIN)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in checkouts}
    for _ in range(1 if quick else rounds):
        for name, checkout in checkouts.items():
            found[name].append(run(size, command, checkout))
            click.echo(f"{name}: {found[name][-1][0]:.1f} s, {found[name][-1][1]:.2f} GB")
    rows = [row_of(name, size, each, found["this"]) for name, each in found.items()]
    if not quick:
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, rounds=rounds, seed=0))


def row_of(name: str, size: Size, each: list[tuple[float, float]], ours: list[tuple[float, float]]) -> dict[str, Any]:
    """Summarise seconds and peaks of memory of one checkout beside those of this one."""
    seconds, mine = (measure.summary([second for second, _ in some]) for some in (each, ours))
    return {
        "checkout": name,
        "people x frames x features": GROWTH_NAME.format(*size),
        "seconds": {what: round(value, 1) for what, value in seconds.items()},
        "times this": round(seconds["median"] / mine["median"], 2),
        "peak GB": round(max(peak for _, peak in each), 2),
    }


if __name__ == "__main__":
    main()
