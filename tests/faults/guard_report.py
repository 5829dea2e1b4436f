"""Give phones wrong labels and write what became of their heads to ``docs/guard.md``:

    python -m tests.faults.guard_report [--seeds 50]

Every seed is another invented owner. The head in use before and after is compared with the truth: labels of the second
half of the owner's recording, which the phone never gets.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.strategy import ON_PHONES
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.database import IN_MEMORY
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.types import Floats
from tests.faults.attacks import ATTACKS, GAP, HALF, SECONDS, Labels, Recording, labels_of, later, person
from tests.faults.guard_page import COUNTS, PAGE, SAMPLINGS, Case, Setting, bounds, caught, identity, table, totals

REPOSITORY = Path(__file__).parent.parent.parent
SOURCES, FEWER_SOURCES, FIRST_SOURCE = 30, 12, 10_000
NOW = 1.7e9


def make_bundle(folder: Path, count: int) -> Path:
    """Train on source subjects and export the run for android-fp32.

    Args:
        folder: where run and bundle are made.
        count: of source subjects.
    """
    sources = [person(FIRST_SOURCE + n) for n in range(count)]
    table = FeatureTable(
        np.repeat([f"source-{n:02}" for n in range(count)], SECONDS),
        np.full(count * SECONDS, "source"),
        np.tile(np.arange(float(SECONDS)), count),
        np.concatenate([one.affect for one in sources]),
        features=np.concatenate([one.z for one in sources]),
    )
    learn_source(table, LearningConfig(optimizer="adam", head_epochs=20, joint_epochs=20), folder / "run")
    export_bundle(Run.open(folder / "run"), load_recipe("android-fp32"), folder / "bundle")
    return folder / "bundle"


def cases(bundle: Path, seeds: range) -> Iterator[Case]:
    """Run every setting for the owners of some seeds.

    Args:
        bundle: made by :func:`make_bundle`.
        seeds: the owners.
    """
    runtime = BundleRuntime(open_bundle(bundle))
    strategies = [strategy for strategy in ON_PHONES if strategy in runtime.bundle.manifest.head.strategies]
    for seed in seeds:
        print(f"owner {seed}", file=sys.stderr, flush=True)
        for count, sampling in itertools.product(COUNTS, SAMPLINGS):
            labels = labels_of(seed, count, sampling)
            for attack, strategy in itertools.product(ATTACKS, strategies):
                setting = Setting(attack, strategy, sampling, count)
                yield one_case(runtime, setting, ATTACKS[attack](labels, seed), seed)


def one_case(runtime: BundleRuntime, setting: Setting, labels: Labels, seed: int) -> Case:
    """Adapt a new phone to labels, and measure the head in use with the truth.

    Args:
        runtime: of the bundle.
        setting: the row of the table.
        labels: after the attack.
        seed: the owner.
    """
    owner = person(seed)
    truth = later(owner)
    distance = feature_distance(owner.z[:HALF], labels.z)
    with Phone(runtime, Store(IN_MEMORY, binding_of(runtime.bundle), StoreOptions(clock=lambda: NOW))) as phone:
        before = _error(phone, truth)
        try:
            phone.add_labels(labels.z, labels.affect, NOW - SECONDS + labels.time_s)
        except BadInput as refusal:
            _insist(phone.store.events.entries()[-1]["detail"]["reason"] == str(refusal))
            return Case(setting, False, True, True, _error(phone, truth) - before, distance)
        result = phone.adapt(strategy=setting.strategy)
        noted = phone.history()[-1]
        _insist(noted["status"] == ("active" if result.accepted else "rejected"))
        _insist(bool(result.reason) and noted["reason"] == result.reason)
        declined = not result.accepted and bool(result.targets)  # no targets: no number of steps was better than none
        return Case(setting, result.accepted, declined, False, _error(phone, truth) - before, distance)


def feature_distance(earlier: Floats, new: Floats) -> float:
    """Return the distance between the means of two sets of features, in standard deviations of the earlier ones.

    Args:
        earlier: ``[M, D_z]``.
        new: ``[N, D_z]``.
    """
    return float(np.sqrt(np.mean(((new.mean(axis=0) - earlier.mean(axis=0)) / earlier.std(axis=0)) ** 2)))


def _insist(holds: bool) -> None:
    if not holds:
        raise AssertionError("the history does not say what happened")


def _error(phone: Phone, truth: Recording) -> float:
    estimate, _ = phone.predict_features(truth.z)
    return float(np.sqrt(np.mean((estimate.astype(np.float64) - truth.affect) ** 2)))


def _all_of(bundle: Path, seeds: range) -> list[Case]:
    return list(cases(bundle, seeds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "guard.md")
    arguments = parser.parse_args()
    started = time.perf_counter()
    found, margin = _found(SOURCES, arguments.seeds, arguments.workers)
    fewer, _ = _found(FEWER_SOURCES, arguments.seeds, arguments.workers)
    text = PAGE.format(
        seeds=arguments.seeds,
        last=arguments.seeds - 1,
        sources=SOURCES,
        fewer=FEWER_SOURCES,
        totals_of_fewer=totals(fewer, margin),
        bounds=bounds(found, COUNTS[0]),
        counts=", ".join(map(str, COUNTS[:-1])) + f" or {COUNTS[-1]}",
        half=HALF,
        tested=SECONDS - HALF - GAP,
        margin=margin,
        totals=totals(found, margin),
        caught=caught(found),
        strategy=found[0].setting.strategy,
        identity=identity(found, margin),
        rows=table(found, margin),
        commit=_commit(),
        seconds=time.perf_counter() - started,
        workers=arguments.workers,
    )
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


def _found(sources: int, seeds: int, workers: int) -> tuple[list[Case], float]:
    """Return all cases of a bundle that learned from so many people, and its margin."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers) as pool:
        bundle = make_bundle(Path(folder), sources)
        parts = [range(n, seeds, workers) for n in range(workers)]
        found = [case for part in pool.map(_all_of, [bundle] * workers, parts) for case in part]
        adapt = open_bundle(bundle).manifest.head.adapt
    assert adapt is not None
    return found, adapt.margin


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


if __name__ == "__main__":
    main()
