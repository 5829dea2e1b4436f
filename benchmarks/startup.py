"""How long does a command take before it works, and an import before it returns?"""

from __future__ import annotations

import subprocess
import sys

import click
import measure

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import pen_mobile": ["-c", "import pen_mobile"],
    "pen-mobile --help": ["-m", "pen_mobile", "--help"],
    "pen-mobile train --help": ["-m", "pen_mobile", "train", "--help"],
    "import torch": ["-c", "import torch"],
}
TARGETS = {"import pen_mobile": 0.1, "pen-mobile --help": 0.15, "pen-mobile train --help": 0.15}


@click.command()
@click.option("--quick", is_flag=True, help="One round, without torch.")
def main(quick: bool) -> None:
    commands = {name: words for name, words in COMMANDS.items() if not (quick and "torch" in name)}
    calls = {name: lambda words=words: run(words) for name, words in commands.items()}
    found = measure.interleave(calls, 1 if quick else 15, 1)
    rows = []
    for name, values in found.items():
        seconds = {key: round(value, 3) for key, value in measure.summary(values).items()}
        target = TARGETS.get(name)
        rows.append({"start": name, "seconds": seconds, "target": "-" if target is None else f"under {target} s"})
        click.echo(f"{name}: {seconds['median']:.3f} s")
    if not quick:
        missed = [name for name, target in TARGETS.items() if measure.summary(found[name])["median"] >= target]
        remarks = [f"Missed: {name} takes {TARGETS[name]} s or more." for name in missed]
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=remarks))


def run(words: list[str]) -> None:
    """Run Python in a process of its own."""
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
