"""How do time and memory of the whole protocol grow with people, frames and feature size?

With ``--against`` every table is also measured with another checkout of this repository, in turn.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import click  # noqa: E402
import numpy as np  # noqa: E402

from pen_mobile.data.splits import generator_for  # noqa: E402


class Size(NamedTuple):
    """A table: people (half of them targets), frames of each, D_z."""

    people: int
    frames: int
    features: int


BASE = Size(people=6, frames=1000, features=256)
GROWTH = {
    "people": [BASE._replace(people=people) for people in (6, 12, 24)],
    "frames": [BASE._replace(frames=frames) for frames in (500, 1000, 2000)],
    "features": [BASE._replace(features=features) for features in (128, 256, 512)],
}
RECOLA = Size(people=18, frames=7000, features=2048)
TINY = {"people": [Size(people=4, frames=60, features=8)]}


def write_table(path: Path, size: Size) -> None:
    """Write features in which everybody moves slowly through the same affect and shows it a little differently."""
    mixing = generator_for(0, "everybody").normal(size=(2, size.features))
    columns: dict[str, list[Any]] = {"z": [], "y": [], "subject": [], "role": []}
    for number in range(size.people):
        name = f"person-{number:02d}"
        rng = generator_for(0, name)
        phase, period = rng.uniform(0, 2 * np.pi, 2), rng.uniform(20, 90, 2)
        affect = 0.6 * np.sin(2 * np.pi * np.arange(size.frames)[:, None] / 25 / period + phase)
        own = mixing + 0.5 * rng.normal(size=mixing.shape)
        z = affect @ own + rng.normal(size=size.features) + rng.normal(size=(size.frames, size.features))
        columns["z"].append(z.astype(np.float32))
        columns["y"].append(affect)
        columns["subject"].append(np.full(size.frames, name))
        columns["role"].append(np.full(size.frames, "source" if number < size.people // 2 else "target"))
    time_s = np.tile(np.arange(size.frames) / 25, size.people)
    np.savez(path, time_s=time_s, **{name: np.concatenate(parts) for name, parts in columns.items()})


def protocol_command(jobs: int, epochs: int, checkout: Path) -> list[str]:
    """Return the arguments of the paper's protocol: random sampling, one head for all target people."""
    scopes = "--scopes" if "--scopes" in said(["protocol", "--help"], checkout) else "--poolings"
    command = ["protocol", "features.npz", "--out", "out", "--jobs", str(jobs), "--epochs", str(epochs), "-q"]
    return [*command, "--samplings", "random", scopes, "pooled", "--no-strategies", "--no-comparators"]


def said(arguments: list[str], checkout: Path) -> str:
    """Return what a command of one checkout prints."""
    command, environment = [sys.executable, "-m", "pen_mobile", *arguments], os.environ | {"PYTHONPATH": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True).stdout


def run(size: Size, arguments: list[str], checkout: Path) -> tuple[float, float]:
    """Run a command of one checkout on a new table and return seconds and the peak of memory in GB."""
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder) / "features.npz", size)
        command, environment = [sys.executable, "-m", "pen_mobile", *arguments], {"PYTHONPATH": str(checkout)}
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environment)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, memory_gb(process.pid))
            time.sleep(0.2)
        if process.returncode:
            raise SystemExit(f"{arguments[0]} of {checkout} ended with {process.returncode}")
        return time.perf_counter() - started, peak


def memory_gb(process: int) -> float:
    """Return what a process and its children hold now, shared pages counted once (Linux; 0 elsewhere)."""
    tasks = [process, *children(process)]
    total = 0
    for task in tasks:
        try:
            for line in Path(f"/proc/{task}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1e6


def children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    direct = [int(word) for word in text.split()]
    return [*direct, *(grandchild for child in direct for grandchild in children(child))]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot seconds and memory against each size, on the same scales."""
    from pen_mobile.reports.mpl import Figure

    shown = {GROWTH_NAME.format(*size) for sizes in GROWTH.values() for size in sizes}
    rows = [row for row in rows if row["command"] == "protocol"]
    plotted = [row for row in rows if row["people x frames x features"] in shown]
    longest, most = (1.1 * max(row[what] for row in plotted) for what in ("seconds", "peak GB"))

    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, (what, sizes) in zip(figure.subplots(1, len(GROWTH)), GROWTH.items(), strict=True):
        places = [GROWTH_NAME.format(*size) for size in sizes]
        found = [next(row for row in rows if row["people x frames x features"] == place) for place in places]
        axes.plot([getattr(size, what) for size in sizes], [row["seconds"] for row in found], "o-", color="#0072B2")
        axes.set(xlabel={"features": "D_z"}.get(what, what), ylabel="seconds", ylim=(0, longest))
        memory = axes.twinx()
        memory.plot([getattr(size, what) for size in sizes], [row["peak GB"] for row in found], "s--", color="#D55E00")
        memory.set(ylim=(0, most), ylabel="peak GB (dashed)")
    figure.savefig(path, dpi=120)


GROWTH_NAME = "{} x {} x {}"


def measured(name: str, size: Size, commands: dict[str, list[str]], checkouts: dict[str, Path]) -> dict[str, Any]:
    """Return one row: seconds and memory of a command on one table, with every checkout in turn."""
    row: dict[str, Any] = {
        "command": name,
        GROWTH_NAME.format("people", "frames", "features"): GROWTH_NAME.format(*size),
    }
    for which, checkout in checkouts.items():
        seconds, peak = run(size, commands[which], checkout)
        row |= {f"seconds{which}": round(seconds, 1), f"peak GB{which}": round(peak, 2)}
    return row


@click.command()
@click.option("--quick", is_flag=True, help="One tiny table, one epoch.")
@click.option("--recola", is_flag=True, help="Also a table of RECOLA's size: ten minutes or so.")
@click.option("--against", type=click.Path(path_type=Path), help="Another checkout to measure in turn.")
def main(quick: bool, recola: bool, against: Path | None) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # this question is about all cores
    growth, epochs = (TINY, 1) if quick else (GROWTH, 30)
    sizes = list(dict.fromkeys(size for some in growth.values() for size in some)) + [RECOLA] * recola
    checkouts = {"": Path(__file__).resolve().parents[1]} | ({" before": against.resolve()} if against else {})
    protocols = {which: protocol_command(2, epochs, checkout) for which, checkout in checkouts.items()}
    rows = []
    for size in sizes:
        rows.append(measured("protocol", size, protocols, checkouts))
        click.echo(f"{rows[-1]}")
    if not quick:
        path = measure.record(str(__doc__).splitlines()[0], rows, epochs=epochs, jobs=2, seed=0)
        draw(rows, path.with_suffix(".png"))
        click.echo(path)


if __name__ == "__main__":
    main()
