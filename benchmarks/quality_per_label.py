"""How good does a phone's model get with how many labels, and which way to adapt gets most out of them?

One model and one prior are learned from invented source people and ship; every seed then invents other owners. Half of
the rows adapts (drawn at random, in whole blocks of time, the first of the recording, or the last before its middle),
the other tests.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, get_args

import click
import measure
import numpy as np
from scipy import stats

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.frames import Frames
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FeatureTable
from pen_mobile.paper.aggregates import person_mean
from pen_mobile.paper.model_study import CellKey
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_result import OWN_MEAN, UNADAPTED, Evaluation, Model, Sampling
from pen_mobile.paper.strategy_study import run_strategy_study
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.features import extract_features
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.training.strategies import STRATEGIES
from pen_mobile.utils.threads import one_thread

MODEL: Model = "s-PEN"
TRUSTING = "prior, no caution"


class Scale(NamedTuple):
    """How much is done: people, seconds of each at frames a second, px, epochs of the backbone, seeds, labels."""

    sources: int
    owners: int
    seconds: float
    fps: float
    size: int
    epochs: int
    seeds: int
    counts: tuple[int, ...]
    steps: int
    first_seed: int = 101


FULL = Scale(9, 6, 300, 2, 48, 1, 6, (5, 10, 20, 40, 80, 160), 336)
TINY = Scale(2, 1, 40, 2, 32, 1, 1, (5,), 3)


def shipped_model(scale: Scale, folder: Path) -> Run:
    """Learn backbone and experts from source people, as ``pen-mobile demo`` does."""
    config = LearningConfig(
        backbone="resnet18",
        weights="none",
        input_size=scale.size,
        backbone_optimizer="adam",
        backbone_learning_rate=1e-3,
        backbone_epochs=scale.epochs,
        optimizer="adam",
        head_epochs=20,
        joint_epochs=20,
    )
    people = SyntheticConfig(scale.sources, 0, scale.seconds, scale.fps, scale.size, seed=0)
    return learn_source(synthetic_table(people), config, folder)


def owners(scale: Scale, run: Run, seed: int) -> FeatureTable:
    """Invent target people and see them through the backbone that ships."""
    table = synthetic_table(SyntheticConfig(0, scale.owners, scale.seconds, scale.fps, scale.size, seed=seed))
    backbone = run.backbone()
    assert backbone is not None
    features = np.concatenate([extract_features(backbone, pixels) for pixels in pieces(table.frames)])
    return FeatureTable(
        table.subject, table.role, table.time_s, table.affect, features, origin=table.origin, synthetic=table.synthetic
    )


def pieces(frames: Frames, size: int = 64) -> Iterator[np.ndarray]:
    yield from (frames.read(slice(start, start + size)) for start in range(0, len(frames), size))


def evaluations(scale: Scale, run: Run) -> Iterator[tuple[Sampling, Evaluation]]:
    """Adapt every owner in every way with every number of labels."""
    plan = ProtocolPlan(
        shares=(0.0,),
        strategies=(Strategy.PRIOR, *STRATEGIES),
        counts=scale.counts,
        steps=scale.steps,
        learning_rate=0.1,
    )
    trusting, of_trusting = without_caution(run), replace(plan, strategies=(Strategy.PRIOR,))
    for seed in range(scale.first_seed, scale.first_seed + scale.seeds):
        table = owners(scale, run, seed)
        for sampling in get_args(Sampling):
            key = CellKey(seed, sampling, "person", "strategies")
            cell = run_strategy_study(table, plan, key, run, models=(MODEL,))
            yield from ((sampling, one) for one in cell.evaluations if one.model in (MODEL, OWN_MEAN))
            cell = run_strategy_study(table, of_trusting, key, trusting, models=(MODEL,))
            found = (one for one in cell.evaluations if one.strategy == Strategy.PRIOR)
            yield from ((sampling, replace(one, strategy=TRUSTING)) for one in found)
        click.echo(f"owners of seed {seed} done", err=True)


def without_caution(run: Run) -> Run:
    """Return the same run with a prior that trusts five labels as much as they say, in a folder beside it."""
    folder = run.folder.with_name(f"{run.folder.name}-trusting")
    shutil.copytree(run.folder, folder)
    trusting = Run.open(folder)
    prior = run.prior()
    replace(prior, caution=np.zeros(prior.targets)).save(trusting.prior_file)
    return trusting


def rows_of(found: list[tuple[Sampling, Evaluation]]) -> list[dict[str, Any]]:
    """Summarise over seeds; a row is one way to adapt with one number of labels.

    Differences are of the same owners, with a bootstrap interval over them.
    """
    groups: dict[tuple[str, str, int], list[Evaluation]] = {}
    for sampling, one in found:
        way = "own mean, no model" if one.model == OWN_MEAN else one.strategy
        way = "not adapted" if way == UNADAPTED else way
        groups.setdefault((sampling, way, one.count or 0), []).append(one)
    return [
        {
            "sampling": sampling,
            "way": way,
            "labels each": count,
            "CCC pooled": interval([one.pooled.ccc for one in group]),
            "CCC person": interval([person_mean(one, "ccc") for one in group]),
            "RMSE pooled": interval([one.pooled.rmse for one in group]),
            "RMSE person": interval([person_mean(one, "rmse") for one in group]),
            "minus not adapted": difference(group, groups[sampling, "not adapted", 0]),
            "prior minus this": difference(groups.get((sampling, "prior", count), group), group),
        }
        for (sampling, way, count), group in sorted(groups.items(), key=lambda item: (item[0][0], item[0][2]))
    ]


def difference(ours: list[Evaluation], others: list[Evaluation]) -> dict[str, float]:
    """Return the mean over owners of the difference of their RMSE, with its 95 % bootstrap interval."""
    pairs = zip(ours, others, strict=True)
    each = np.array([one.people[name].rmse - other.people[name].rmse for one, other in pairs for name in one.people])
    return measure.mean_of_people(each, 3)


def interval(values: list[float | None]) -> dict[str, float] | str:
    """Return the mean over seeds with its 95 % interval (Student's t)."""
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return "-"
    half = 0.0
    if len(known) > 1:
        half = float(stats.t.ppf(0.975, len(known) - 1) * stats.sem(known))
    mean = float(known.mean())
    return {"mean": round(mean, 3), "lower": round(mean - half, 3), "upper": round(mean + half, 3)}


@click.command()
@click.option("--quick", is_flag=True, help="One owner, five labels, three steps; writes nothing.")
def main(quick: bool) -> None:
    scale = TINY if quick else FULL
    with TemporaryDirectory() as folder, one_thread():
        rows = rows_of(list(evaluations(scale, shipped_model(scale, Path(folder) / "run"))))
    for row in rows:
        ccc, rmse = row["CCC person"], row["RMSE person"]
        ccc_mean = ccc["mean"] if isinstance(ccc, dict) else float("nan")
        click.echo(f"{row['sampling']:7} {row['way']:20} {row['labels each']:4}  {ccc_mean:.3f}  {rmse['mean']:.3f}")
    if not quick:
        facts = scale._asdict() | {
            "seed": f"0 learns, {scale.first_seed} and the next invent owners",
            "interval": "95 %, over seeds; of differences over owners",
        }
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, **facts))


if __name__ == "__main__":
    main()
