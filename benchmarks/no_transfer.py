"""Where a face says something else for everybody, does a phone's model ever end worse than the owner's own mean?

Features of invented people, source people and owners alike: the mapping from affect to features is drawn anew for
each of them, and their levels differ strongly. No head can transfer. The prior is learned from such source people,
and owners adapt with its guard; half of their rows adapts, the other tests.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, get_args

import click
import measure
import numpy as np

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import FeatureTable
from pen_mobile.paper.model_study import CellKey
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_result import OWN_MEAN, UNADAPTED, Cell, Model, Sampling
from pen_mobile.paper.strategy_study import run_strategy_study
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils.threads import one_thread

MODEL: Model = "s-PEN"
LIMIT = 0.005


class Scale(NamedTuple):
    """How much is done: people, seconds of each at one row a second, numbers of a feature, labels."""

    sources: int
    owners: int
    seconds: int
    features: int
    counts: tuple[int, ...]
    level: float = 0.3
    first_seed: int = 101


FULL = Scale(12, 40, 600, 32, (1, 5, 10, 20, 40, 80, 160))
TINY = Scale(3, 2, 60, 8, (1, 5))


def people(scale: Scale, count: int, role: str, first_seed: int) -> FeatureTable:
    """Invent people of one role; each has a mapping of their own.

    Args:
        scale: how long, how wide.
        count: of people.
        role: source or target.
        first_seed: of the first person; the next ones have the next.
    """
    found = [_person(scale, seed) for seed in range(first_seed, first_seed + count)]
    return FeatureTable(
        np.repeat([f"{role}-{number:02}" for number in range(count)], scale.seconds),
        np.full(count * scale.seconds, role),
        np.tile(np.arange(float(scale.seconds)), count),
        np.concatenate([y for _, y in found]),
        features=np.concatenate([z for z, _ in found]),
        synthetic=True,
    )


def _person(scale: Scale, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels: slow waves around a level, seen through a mapping, with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(scale.seconds)[:, None, None]
    waves = np.sin(2 * np.pi * (time / rng.uniform(15, 120, (1, 2, 3)) + rng.uniform(size=(1, 2, 3)))).sum(axis=2)
    moves = 0.15 * waves
    y = np.clip(scale.level * rng.normal(size=2) + moves, -1, 1)
    z = moves @ rng.normal(size=(2, scale.features)) + 0.1 * rng.normal(size=(scale.seconds, scale.features))
    return z.astype(np.float32), y.astype(np.float32)


def study(scale: Scale, sampling: Sampling, folder: Path) -> Cell:
    """Adapt every owner with every number of labels; the run in a folder is learned when it is not there."""
    config = LearningConfig(optimizer="adam", learning_rate=0.01, head_epochs=20, joint_epochs=5)
    run = learn_source(people(scale, scale.sources, "source", 0), config, folder)
    plan = ProtocolPlan(shares=(0.0,), strategies=(Strategy.PRIOR,), counts=scale.counts)
    owners = people(scale, scale.owners, "target", scale.first_seed)
    key = CellKey(scale.first_seed, sampling, "person", "strategies")
    return run_strategy_study(owners, plan, key, run, models=(MODEL,))


def rows_of(cell: Cell) -> list[dict[str, Any]]:
    """Return a row for each number of labels: errors of all three, and the prior's against the own mean's."""
    by = {(one.model, one.strategy, one.count): one.people for one in cell.evaluations}
    before = next(found for (_, strategy, _), found in by.items() if strategy == UNADAPTED)
    rows = []
    for count in sorted({count for _, _, count in by if count is not None}):
        own_mean = next(found for (model, _, n), found in by.items() if (model, n) == (OWN_MEAN, count))
        prior = by[MODEL, Strategy.PRIOR.value, count]
        errors = [np.array([one[name].rmse for name in prior], np.float64) for one in (before, own_mean, prior)]
        difference = errors[2] - errors[1]
        rows.append(
            {"sampling": cell.sampling, "labels each": count}
            | {
                name: round(float(values.mean()), 3)
                for name, values in zip(("not adapted", "own mean", "prior"), errors, strict=True)
            }
            | {
                "prior - own mean": measure.mean_of_people(difference, 4),
                "adapted": f"{np.mean(errors[2] != errors[0]):.0%}",
            }
        )
    return rows


def remarks(rows: list[dict[str, Any]]) -> list[str]:
    """Say whether the limit was kept, and what an owner loses who is declined."""
    worst = max(rows, key=lambda row: float(row["prior - own mean"]["mean"]))
    return [
        "Per-person RMSE of both targets, means over owners. The prior is at worst "
        f"{worst['prior - own mean']['mean']:+.4f} against the own mean ({worst['sampling']}, {worst['labels each']} "
        f"labels); at most +{LIMIT} is wanted.",
        "Who is not adapted (labels surprise more than those of the source people) keeps the shipped head, which is "
        "worse than the own mean here.",
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Two owners, one and five labels; writes nothing.")
def main(quick: bool) -> None:
    scale = TINY if quick else FULL
    with TemporaryDirectory() as folder, one_thread():
        rows = [row for way in get_args(Sampling) for row in rows_of(study(scale, way, Path(folder) / "run"))]
    for row in rows:
        click.echo(" ".join(str(value) for value in row.values()))
    if not quick:
        facts = scale._asdict() | {"seed": "0 and the next invent source people, 101 and the next owners"}
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=remarks(rows), **facts))


if __name__ == "__main__":
    main()
