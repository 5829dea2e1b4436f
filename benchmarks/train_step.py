"""How long is one training step of the head, ours against the other ways to train on a device, and against the limit?

Every contender is a process of its own on the same core, one round each in turn. Gathering the batch and passing the
state in and out are counted for everybody. What recipes ship is the first row of every size, and 1 in the column of
ratios. Times are the processor's where one thread works: on one core that is the wall time of a free core; where two
work they are the wall's.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import math  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import steps  # noqa: E402
from step_worker import BEYOND_CACHE, EXPERTS, POOL, SEED, Wanted  # noqa: E402

from pen_mobile.bundle.recipe import load_recipe  # noqa: E402

SHIPPED = load_recipe("android-fp32").head
PAPER_FEATURES, PAPER_BATCH, EPOCHS = 2048, SHIPPED.batch, 30
STEPS = tuple(dict.fromkeys((SHIPPED.steps_per_call, 1, 4, 8)))  # of one call; what ships comes first
COPIED, HANDED_OVER = "state copied", "state handed over"
JOINT, ORT, EAGER = "ExecuTorch's joint graph and SGD", "onnxruntime-training, fused", "torch eager, fused"
TFLITE = "TensorFlow Lite, training signature"
PRODUCTS, LIBRARIES = ("forward", "backward"), ("torch", "numpy", "XNNPACK")
ORT_NINE = "onnxruntime-training, nine experts"
SGD_DIFFERENCE, ORT_DIFFERENCE = "SGD, no momentum", "AdamW, no L1 on the gate"
TARGETS = ((ORT, 1.1), (TFLITE, 1.1), (JOINT, 10.0), (EAGER, 4.0))
LIMIT_TARGET, TRAINING_TARGET = 1.5, 0.12


@dataclass
class Contender:
    """One row: who takes which step, how its mathematics differs from ours, and what was measured.

    Attributes:
        missing: why nothing was measured.
        child, number: who was asked to take the step, and its number there.
        seconds: of one step, per round.
    """

    name: str
    script: steps.Script
    wanted: Wanted
    difference: str = ""
    missing: str = ""
    child: steps.Child | None = None
    number: int = -1
    seconds: list[float] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int, int]:
        """D_z, batch and threads."""
        return self.wanted.features, self.wanted.batch, self.wanted.threads

    @property
    def median(self) -> float:
        """Seconds of one step; not a number when nothing was measured."""
        return measure.summary(self.seconds)["median"] if self.seconds else math.nan

    def take(self, calls: int) -> float:
        """Run one round; returns the seconds of a call."""
        assert self.child is not None
        clock = "processor" if self.wanted.threads == 1 else "wall"
        return self.child.seconds_a_call(self.number, calls, clock)


def exported(
    optimizer: str, features: int, batch: int, k: int = STEPS[0], threads: int = 1, how: str = COPIED
) -> Contender:
    """Ours; ``k`` steps a call."""
    name = f"ours, {optimizer}" + (f", {k} steps a call" if k > 1 else "") + (f", {how}" if how != COPIED else "")
    return Contender(name, steps.EXPORTED, Wanted(f"{optimizer.lower()}, {how}", features, batch, k, threads))


def ours(features: int, batch: int) -> list[Contender]:
    """What recipes ship, and one step a call."""
    return [exported("Adadelta", features, batch, k) for k in STEPS[:2]]


def same_mathematics(features: int, batch: int) -> list[Contender]:
    """torch, fused."""
    return [Contender(EAGER, steps.TORCH, Wanted("adadelta, fused", features, batch, 1, 1))]


def rival(features: int, batch: int) -> list[Contender]:
    """The fastest other trainer that is made for devices."""
    return [Contender(ORT, steps.ONNXRUNTIME, Wanted("fused", features, batch, 1, 1), ORT_DIFFERENCE)]


def at_paper_size(features: int, batch: int) -> list[Contender]:
    """Everybody, and what the limit is made of."""
    one = (features, batch, 1, 1)
    adadelta = [exported("Adadelta", features, batch, k, how=how) for k in STEPS for how in (COPIED, HANDED_OVER)]
    optimizers = [exported(name, features, batch, k) for name in ("SGD", "Adam") for k in STEPS[:2]]
    peers = [
        Contender(JOINT, steps.EXECUTORCH, Wanted("", *one), SGD_DIFFERENCE),
        *rival(features, batch),
        Contender(
            "onnxruntime-training, nine experts", steps.ONNXRUNTIME, Wanted("nine experts", *one), ORT_DIFFERENCE
        ),
        *same_mathematics(features, batch),
        Contender("torch eager, nine experts", steps.TORCH, Wanted("adadelta, nine experts", *one)),
        Contender("torch.compile, fused", steps.TORCH, Wanted("adadelta, fused, compiled", *one)),
        Contender(TFLITE, steps.TENSORFLOW, Wanted("", *one)),
        Contender("torch eager, fused, SGD", steps.TORCH, Wanted("sgd, fused", *one)),
        Contender("torch eager, fused, Adam", steps.TORCH, Wanted("adam, fused", *one)),
    ]
    return [*adadelta, *optimizers, *peers, *limits(features, batch)]


def paper_contenders() -> list[Contender]:
    """Everybody, at the size of the paper's head."""
    return at_paper_size(PAPER_FEATURES, PAPER_BATCH)


def limits(features: int, batch: int) -> list[Contender]:
    """What no step can do without, each alone."""
    one = (features, batch, 1, 1)
    products = [f"{product} in {library}" for product in PRODUCTS for library in LIBRARIES]
    return [
        Contender(variant, steps.LIMIT, Wanted(variant, *one))
        for variant in (*products, "state", "gathering", "beyond cache")
    ]


def contenders() -> list[Contender]:
    """The whole table."""
    found = paper_contenders()
    for batch in (1, 8, 128, POOL):
        size = (PAPER_FEATURES, batch)
        found += [*ours(*size), *same_mathematics(*size), *rival(*size)]
    for features in (576, 960, 1280):
        size = (features, PAPER_BATCH)
        found += [*ours(*size), *same_mathematics(*size), *rival(*size)]
    return [*found, *(exported("Adadelta", PAPER_FEATURES, batch, threads=2) for batch in (PAPER_BATCH, POOL))]


def quick_contenders() -> list[Contender]:
    """A small head, and what needs no other environment or has one already."""
    size = (64, 8)
    return [exported("Adadelta", *size), *same_mathematics(*size), *rival(*size)]


def start(table: list[Contender], install: bool) -> list[steps.Child]:
    """Start a child for every script and number of threads, and prepare its steps; what cannot be had says why."""
    mine, every = os.sched_getaffinity(0), set(range(os.cpu_count() or 1))
    children: dict[tuple[steps.Script, int], steps.Child] = {}
    for row in table:
        key = (row.script, row.wanted.threads)
        try:
            if key not in children:
                children[key] = steps.Child(row.script, mine if row.wanted.threads == 1 else every, install)
            row.number = children[key].make(row.wanted)
            row.child = children[key]
        except steps.Missing as reason:
            row.missing = str(reason)
        click.echo(f"ready: {row.name}, D_z {row.size[0]}, batch {row.size[1]} {row.missing}", err=True)
    return list(children.values())


def run(table: list[Contender], rounds: int, round_seconds: float) -> None:
    """One round each in turn; a round is about so long whatever a call takes."""
    calls = {id(row): _calls_of(row, round_seconds) for row in table if row.child is not None}
    for done in range(rounds):
        for row in table:
            if not row.missing:
                row.seconds.append(row.take(calls[id(row)]) / row.wanted.steps)
        click.echo(f"round {done + 1} of {rounds}", err=True)


def _calls_of(row: Contender, round_seconds: float) -> int:
    try:
        return max(1, math.ceil(round_seconds / row.take(3)))
    except steps.Missing as reason:
        row.missing = str(reason)
        return 0


def rows_of(table: list[Contender]) -> list[dict[str, Any]]:
    """Return the table; what recipes ship, the first of ours in its size, is 1."""
    contenders = [row for row in table if row.script != steps.LIMIT]
    return [_row(row, next((other for other in contenders if _is_reference(other, row)), row)) for row in contenders]


def _is_reference(other: Contender, row: Contender) -> bool:
    return other.script == steps.EXPORTED and other.size == row.size


def _row(row: Contender, reference: Contender) -> dict[str, Any]:
    features, batch, threads = row.size
    cells: dict[str, Any] = {"D_z": features, "batch": batch, "threads": threads, "variant": row.name}
    if row.missing:
        return {**cells, "ms a step": row.missing, "times ours": "", "not the same": row.difference}
    ratio = round(row.median / reference.median, 3)
    return {**cells, "ms a step": _milliseconds(row.seconds), "times ours": ratio, "not the same": row.difference}


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    return {key: round(value * 1e3, 4) for key, value in measure.summary(seconds).items()}


def remarks(table: list[Contender], limit: Limit) -> list[str]:
    """Say what the limit is, and by how much every target is met or missed."""
    paper = {row.name: row for row in table if row.size == (PAPER_FEATURES, PAPER_BATCH, 1)}
    adadelta = [row for name, row in paper.items() if name.startswith("ours, Adadelta")]
    return [limit.text, *(_verdict(row, paper, limit.median) for row in adadelta)]


class Limit:
    """The least possible time of a step at the paper's size, and what it is made of.

    Attributes:
        seconds: of one step, per round.
        text: its parts.
    """

    def __init__(self, table: list[Contender]) -> None:
        alone = {row.name: row for row in table if row.script == steps.LIMIT}
        products = [_fastest(alone, product) for product in PRODUCTS]
        parts = [*products, alone["state"], alone["gathering"]]
        self.seconds = [sum(seconds) for seconds in zip(*(part.seconds for part in parts), strict=True)]
        self.median = measure.summary(self.seconds)["median"]
        operations, state_bytes = (2 * count * 3 * EXPERTS * (PAPER_FEATURES + 1) for count in (PAPER_BATCH, 3 * 4))
        rates = [
            f"{row.name} {row.median * 1e3:.3f} ms, {operations / row.median / 1e9:.0f} GFLOP/s" for row in products
        ]
        state, beyond = alone["state"].median, alone["beyond cache"].median
        self.text = (
            f"Least possible time of a step, {self.median * 1e3:.3f} ms: products in the fastest library "
            f"({'; '.join(rates)}), state read and written once {state * 1e3:.3f} ms (it fits the cache: "
            f"{state_bytes / state / 1e9:.0f} GB/s, beyond it {2 * BEYOND_CACHE / beyond / 1e9:.0f}), "
            f"gathering {alone['gathering'].median * 1e3:.3f} ms."
        )

    def row(self) -> dict[str, Any]:
        """Return the limit as a row of the table."""
        size = {"D_z": PAPER_FEATURES, "batch": PAPER_BATCH, "threads": 1}
        return {**size, "variant": "limit of this machine", "ms a step": _milliseconds(self.seconds)}


def _fastest(alone: dict[str, Contender], product: str) -> Contender:
    tried = [alone[f"{product} in {library}"] for library in LIBRARIES]
    return min((row for row in tried if row.seconds), key=lambda row: row.median)


def _verdict(row: Contender, paper: dict[str, Contender], least: float) -> str:
    said = [
        f"{paper[name].median / row.median:.2f} times as fast as {name} (target {target:.2f})"
        for name, target in TARGETS
        if name in paper and paper[name].seconds
    ]
    training = math.ceil(POOL / PAPER_BATCH) * EPOCHS * row.median
    said.append(f"{row.median / least:.2f} times the least possible time (target {LIMIT_TARGET})")
    said.append(f"{POOL} samples x {EPOCHS} epochs in {training:.3f} s (target {TRAINING_TARGET})")
    return f"{row.name[0].upper()}{row.name[1:]}: {'; '.join(said)}."


@click.command()
@click.option("--quick", is_flag=True, help="A small head, few rounds; peers only where they are installed already.")
@click.option("--rounds", default=30, show_default=True, help="Rounds of the full form.")
@click.option("--paper-size", is_flag=True, help="Only D_z 2048 and batch 32, everybody on one thread.")
def main(quick: bool, rounds: int, paper_size: bool) -> None:
    table = quick_contenders() if quick else paper_contenders() if paper_size else contenders()
    children = start(table, install=not quick)
    run(table, *((2, 0.01) if quick else (rounds, 0.06)))
    for child in children:
        child.close()
    rows = rows_of(table)
    for row in rows:
        cell = row["ms a step"]
        shown = cell if isinstance(cell, str) else f"{cell['median']:.4f} ms"
        click.echo(
            f"{row['D_z']:5d} {row['batch']:4d} {row['threads']} {row['variant']:50s} {shown} {row['times ours']}"
        )
    if not quick:
        limit = Limit(table)
        peers = {name: number for child in children for name, number in child.versions.items()}
        said = remarks(table, limit)
        click.echo("\n".join(said))
        facts = {"seed": SEED, "rounds": rounds, "experts": EXPERTS, "pool": POOL, "contenders' packages": peers}
        click.echo(measure.record(str(__doc__).splitlines()[0], [*rows, limit.row()], remarks=said, **facts))


if __name__ == "__main__":
    main()
