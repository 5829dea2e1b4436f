"""How long does a command take before it works, and an import before it returns?"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import measure

REPOSITORY = Path(__file__).parent.parent
COMMANDS = {
    "python alone": ["-c", "pass"],
    "import pen_mobile": ["-c", "import pen_mobile"],
    "pen-mobile --help": ["-m", "pen_mobile", "--help"],
    "pen-mobile train --help": ["-m", "pen_mobile", "train", "--help"],
    "import torch": ["-c", "import torch"],
}
TARGETS = {"import pen_mobile": 0.1, "pen-mobile --help": 0.15, "pen-mobile train --help": 0.15}
NOTE = "Other work on a machine only ever lengthens a start, so the shortest one is held against the target."


@click.command()
@click.option("--quick", is_flag=True, help="One round, without torch.")
def main(quick: bool) -> None:
    commands = {name: words for name, words in COMMANDS.items() if not (quick and "torch" in name)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(1 if quick else 40):
        for name, words in commands.items():
            found[name].append(run(words))
    rows = []
    for name, pairs in found.items():
        walls, processor = zip(*pairs, strict=True)
        seconds = {key: round(value, 3) for key, value in measure.summary(list(walls)).items()}
        target = f"under {TARGETS[name]} s" if name in TARGETS else "-"
        shortest = {"shortest": round(min(walls), 3), "processor seconds": round(min(processor), 3)}
        rows.append({"start": name, "target": target, "seconds": seconds, **shortest})
        click.echo(f"{name}: {min(walls):.3f} s, of the processor {min(processor):.3f} s")
    if not quick:
        missed = [f"Missed: {row['start']}." for row in rows if row["shortest"] >= TARGETS.get(row["start"], 1e9)]
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=[NOTE, *missed]))


def run(words: list[str]) -> tuple[float, float]:
    """Run Python in a process of its own; return how long it took, and how long the processor worked for it."""
    paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *words]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=os.environ | {"PYTHONPATH": paths})
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
