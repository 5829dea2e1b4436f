"""Which moments should a phone ask about? CCC of every query strategy with the same number of labels, against random.

Give a bundle, and target people that did not train it. One day of each person is replayed in the real runtime (16
hours, an adaptation after every four labels), once for each seed, budget and strategy; every estimate is made before
its label is known. Intervals are of the mean difference from random queries, from a bootstrap over people.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measure

measure.pin_to_one_core()

import click  # noqa: E402
import numpy as np  # noqa: E402

from pen_mobile.bundle.export import export_bundle  # noqa: E402
from pen_mobile.bundle.recipe import load_recipe  # noqa: E402
from pen_mobile.data.load import load_table  # noqa: E402
from pen_mobile.data.table import FeatureTable, SubjectTable  # noqa: E402
from pen_mobile.paper.differences import bootstrap_interval  # noqa: E402
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy  # noqa: E402
from pen_mobile.phone.active_learning.scores import SCORES  # noqa: E402
from pen_mobile.phone.phone import Phone  # noqa: E402
from pen_mobile.phone.store.options import StoreOptions  # noqa: E402
from pen_mobile.simulation.baselines import adapting_on_everything, never_adapting, unlimited_phone  # noqa: E402
from pen_mobile.simulation.day_trace import Moments  # noqa: E402
from pen_mobile.simulation.device import Device  # noqa: E402
from pen_mobile.simulation.device_profile import load_profile  # noqa: E402
from pen_mobile.simulation.replay import replay  # noqa: E402
from pen_mobile.simulation.schedule import pace_of  # noqa: E402
from pen_mobile.simulation.stretch_quality import quality_of_day  # noqa: E402
from pen_mobile.training.config import LearningConfig  # noqa: E402
from pen_mobile.training.source_training import learn_source  # noqa: E402

HOURS, START = 16.0, "07:00"


@dataclass(frozen=True)
class Days:
    """One query strategy with one budget: CCC (mean of both dimensions) and labels, ``[people, seeds]`` each."""

    ccc: np.ndarray
    late_ccc: np.ndarray
    labels: np.ndarray


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--data", default="synthetic:sources=1,targets=10,seconds=300,fps=1,seed=100", show_default=True)
@click.option("--budget", "budgets", multiple=True, type=float, default=[2.0, 4.0], show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--quick", is_flag=True, help="Two people of random features and a head made here; writes nothing.")
def main(bundle: Path | None, data: str, budgets: tuple[float, ...], seeds: int, quick: bool) -> None:
    measure.hush()
    if quick:
        with TemporaryDirectory() as folder:
            table = random_people()
            click.echo(compare(tiny_bundle(Path(folder), table), days_of(None, table), (2.0,), 1))
        return
    if bundle is None:
        raise click.UsageError("give a bundle, or --quick")
    with Phone.open(bundle) as phone:
        people = days_of(phone, load_table(data, phone.manifest.frame_size))
    rows = compare(bundle, people, budgets, seeds)
    measure.record(
        str(__doc__).splitlines()[0], rows, data=data, people=len(people), seeds=seeds, hours=HOURS, synthetic=True
    )


def random_people() -> FeatureTable:
    """Return invented features in which people show affect a little differently."""
    rng = np.random.default_rng(0)
    mixing, names, z, y = rng.normal(size=(2, 8)), ("ann", "ben", "dora", "eve"), [], []
    for _ in names:
        affect = 0.7 * np.sin(np.arange(60)[:, None] / rng.uniform(4, 12) + rng.uniform(0, 6, 2))
        z.append(affect @ (mixing + 0.5 * rng.normal(size=mixing.shape)) + 0.3 * rng.normal(size=(60, 8)))
        y.append(affect)
    return FeatureTable(
        np.repeat(names, 60),
        np.repeat(["source", "source", "target", "target"], 60),
        np.tile(np.arange(60.0), 4),
        np.concatenate(y).astype(np.float32),
        features=np.concatenate(z).astype(np.float32),
        synthetic=True,
    )


def tiny_bundle(folder: Path, table: SubjectTable) -> Path:
    """Train for a few steps and export the head alone."""
    run = learn_source(table, LearningConfig(optimizer="adam", max_steps=20), folder / "run")
    export_bundle(run, load_recipe("android-fp32"), folder / "bundle")
    return folder / "bundle"


def days_of(phone: Phone | None, table: SubjectTable) -> dict[str, Moments]:
    """Return the day of every target person; the phone computes features where the table has frames."""
    people = {}
    for name in table.subjects("target"):
        rows = table.rows_of(name)
        time_s = pace_of(table.time_s[rows], START, HOURS).times(table.time_s[rows])
        if isinstance(table, FeatureTable):
            z = table.features[rows]
        else:
            assert phone is not None
            z = phone.runtime.features(table.frames.read(rows, phone.manifest.frame_size))
        people[name] = Moments(time_s, z, table.affect[rows])
    return people


def compare(bundle: Path, people: dict[str, Moments], budgets: tuple[float, ...], seeds: int) -> list[dict[str, Any]]:
    """Replay all days with every strategy; return the baselines, then one row for each budget and strategy."""
    rows = baselines(bundle, people)
    for budget in budgets:
        days = {name: replay_all(bundle, people, name, budget, seeds) for name in SCORES}
        rows += [row(name, budget, found, days["random"]) for name, found in days.items()]
        click.echo("\n".join(str(one) for one in rows[-len(SCORES) :]), err=True)
    return rows


def replay_all(bundle: Path, people: dict[str, Moments], strategy: str, budget: float, seeds: int) -> Days:
    found = np.array(
        [[one_day(bundle, moments, strategy, budget, seed) for seed in range(seeds)] for moments in people.values()]
    )
    return Days(*np.moveaxis(found, -1, 0))


def one_day(bundle: Path, moments: Moments, strategy: str, budget: float, seed: int) -> tuple[float, float, int]:
    device = Device(load_profile("desktop"), float(moments.time_s[0]))
    with Phone.open(bundle, options=StoreOptions(clock=device.clock)) as phone:
        trace = replay(phone, moments, device, QueryStrategy(strategy, budget, seed))
    return *ccc_of_day_and_second_half(trace.predictions, moments), len(trace.queries)


def ccc_of_day_and_second_half(predictions: np.ndarray, moments: Moments) -> tuple[float, float]:
    """Return CCC over the day and over its second half, mean of valence and arousal."""
    half = len(predictions) // 2
    late = quality_of_day(predictions[half:], moments.affect[half:])
    return float(quality_of_day(predictions, moments.affect).ccc.mean()), float(late.ccc.mean())


def baselines(bundle: Path, people: dict[str, Moments]) -> list[dict[str, Any]]:
    """Return the rows without labels and with every label."""
    found: dict[str, list[tuple[float, float]]] = {"never adapting": [], "everything": []}
    for moments in people.values():
        with unlimited_phone(bundle) as phone:
            found["never adapting"].append(ccc_of_day_and_second_half(never_adapting(phone, moments), moments))
            found["everything"].append(ccc_of_day_and_second_half(adapting_on_everything(phone, moments), moments))
    labels = {"never adapting": 0, "everything": round(np.mean([len(one.affect) for one in people.values()]))}
    return [
        {"an hour": "-", "ask": name, "labels": labels[name]}
        | dict(zip(("CCC, day", "CCC, second half"), np.mean(values, axis=0).round(3).tolist(), strict=True))
        | dict.fromkeys(("against random, day", "against random, second half", "worse for"), "-")
        for name, values in found.items()
    ]


def row(name: str, budget: float, days: Days, chance: Days) -> dict[str, Any]:
    """Return the row of one strategy, with its paired difference from random queries."""
    late = days.late_ccc - chance.late_ccc
    return {
        "an hour": f"{budget:g}",
        "ask": name,
        "labels": round(float(days.labels.mean()), 1),
        "CCC, day": round(float(days.ccc.mean()), 3),
        "CCC, second half": round(float(days.late_ccc.mean()), 3),
        "against random, day": "-" if days is chance else with_interval(days.ccc - chance.ccc),
        "against random, second half": "-" if days is chance else with_interval(late),
        "worse for": "-" if days is chance else f"{int((late.mean(axis=1) < 0).sum())} of {len(late)} people",
    }


def with_interval(differences: np.ndarray) -> str:
    low, high = bootstrap_interval(differences) or (float("nan"), float("nan"))
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
