"""Give phones wrong labels and write what became of their heads to ``docs/guard.md``:

    python -m tests.faults.guard_report [--seeds 50]

Every seed invents another owner. The head in use before and after is compared with the truth: labels of a later part of
the owner's recording that the phone never gets.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.contract.bundle_folder import open_bundle
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

REPOSITORY = Path(__file__).parent.parent.parent
STRATEGIES = ("offset-ridge", "adadelta", "sgd", "adam")
LABELS, SECONDS, SOURCES, FEATURES = 60, 300, 4, 24
NOW = 1.7e9

Floats = NDArray[np.float32]


class Recording(NamedTuple):
    """One person, a moment each second: features ``[T, D_z]`` and what was felt ``[T, 2]``."""

    z: Floats
    affect: Floats


class Given(NamedTuple):
    """What a phone is told: features, labels, and seconds into the recording."""

    z: Floats
    affect: Floats
    time_s: NDArray[np.float64]


class Case(NamedTuple):
    """What became of one head: accepted or not, refused at the door, and by how much the true RMSE changed."""

    attack: str
    strategy: str
    accepted: bool
    kept_out: bool
    change: float


def person(seed: int) -> Recording:
    """Invent somebody: a slow walk through the affect plane, seen through a face of one's own."""
    common, own = np.random.default_rng(12345), np.random.default_rng([seed, 7])
    mix = common.normal(size=(2, FEATURES)) + 0.7 * own.normal(size=(2, FEATURES))
    time_s = np.arange(SECONDS)[:, None, None]
    waves = np.sin(2 * np.pi * (time_s / own.uniform(15, 90, (1, 2, 3)) + own.uniform(size=(1, 2, 3))))
    affect = np.clip(0.4 * waves.sum(axis=2) + own.normal(0, 0.2, 2), -1, 1)
    noise = own.normal(0, 0.8, (SECONDS, FEATURES))
    z = np.tanh(affect @ mix + own.normal(0, 0.5, FEATURES)) + noise
    return Recording(z.astype(np.float32), affect.astype(np.float32))


def make_bundle(folder: Path) -> Path:
    """Learn a head from source people and export it for android-fp32."""
    sources = [person(10_000 + n) for n in range(SOURCES)]
    table = FeatureTable(
        np.repeat([f"source-{n}" for n in range(SOURCES)], SECONDS),
        np.full(SOURCES * SECONDS, "source"),
        np.tile(np.arange(float(SECONDS)), SOURCES),
        np.concatenate([one.affect for one in sources]),
        features=np.concatenate([one.z for one in sources]),
    )
    learn_source(table, LearningConfig(optimizer="adam", head_epochs=20, joint_epochs=20), folder / "run")
    recipe = load_recipe("android-fp32")
    head = recipe.head.model_copy(update={"ridge_labels": 64})  # no more are given, and fewer are faster
    export_bundle(Run.open(folder / "run"), recipe.model_copy(update={"head": head}), folder / "bundle")
    return folder / "bundle"


def nothing(given: Given, seed: int) -> Given:
    return given


def inverted(given: Given, seed: int) -> Given:
    return given._replace(affect=-given.affect)


def inverted_later(given: Given, seed: int) -> Given:
    sign = np.where(given.time_s < np.median(given.time_s), 1, -1)[:, None]
    return given._replace(affect=(given.affect * sign).astype(np.float32))


def shuffled(given: Given, seed: int) -> Given:
    return given._replace(affect=np.random.default_rng([seed, 8]).permutation(given.affect))


def constant(given: Given, seed: int) -> Given:
    return given._replace(affect=np.full_like(given.affect, 0.5))


def one_nan(given: Given, seed: int) -> Given:
    return given._replace(affect=_with_one(given.affect, seed, np.nan))


def out_of_range(given: Given, seed: int) -> Given:
    return given._replace(affect=_with_one(given.affect, seed, 1.5))


def one_outlier(given: Given, seed: int) -> Given:
    row = seed % len(given.affect)
    return given._replace(affect=_with_one(given.affect, seed, -np.sign(given.affect[row])))


def one_broken_feature(given: Given, seed: int) -> Given:
    z = given.z.copy()
    z[seed % len(z)] *= 1e6
    return given._replace(z=z)


def somebody_else(given: Given, seed: int) -> Given:
    rows = given.time_s.astype(int)
    other = person(seed + 5_000)
    return given._replace(z=other.z[rows], affect=other.affect[rows])


def labels_of_somebody_else(given: Given, seed: int) -> Given:
    return given._replace(affect=person(seed + 5_000).affect[given.time_s.astype(int)])


def _with_one(affect: Floats, seed: int, value: float | Floats) -> Floats:
    affect = affect.copy()
    affect[seed % len(affect)] = value
    return affect


ATTACKS: dict[str, Callable[[Given, int], Given]] = {
    "none: labels as they are": nothing,
    "all labels inverted": inverted,
    "the later half inverted": inverted_later,
    "labels shuffled": shuffled,
    "all labels the same": constant,
    "one label NaN": one_nan,
    "one label 1.5": out_of_range,
    "one label at the opposite corner": one_outlier,
    "one feature times a million": one_broken_feature,
    "somebody else's faces and labels": somebody_else,
    "somebody else's labels": labels_of_somebody_else,
}


def cases(bundle: Path, seeds: range) -> Iterator[Case]:
    """Do everything to the owners of some seeds."""
    runtime = BundleRuntime(open_bundle(bundle))
    for seed in seeds:
        owner = person(seed)
        rows = np.sort(np.random.default_rng([seed, 9]).permutation(SECONDS // 2)[:LABELS])
        given = Given(owner.z[rows], owner.affect[rows], rows.astype(np.float64))
        print(f"owner {seed}", file=sys.stderr, flush=True)
        truth = Recording(*(values[SECONDS // 2 + 10 :] for values in owner))
        for attack, spoil in ATTACKS.items():
            for strategy in STRATEGIES:
                yield one_case(runtime, attack, strategy, spoil(given, seed), truth, seed)


def one_case(runtime: BundleRuntime, attack: str, strategy: str, given: Given, truth: Recording, seed: int) -> Case:
    """Give a new phone these labels, let it adapt, and look at the head in use with the truth."""
    store = Store(IN_MEMORY, binding_of(runtime.bundle), StoreOptions(clock=lambda: NOW))
    with Phone(runtime, store) as phone:
        before = _error(phone, truth)
        try:
            phone.add_labels(given.z, given.affect, NOW - SECONDS + given.time_s)
        except BadInput as refusal:
            _insist(store.events.entries()[-1]["detail"]["reason"] == str(refusal))
            return Case(attack, strategy, accepted=False, kept_out=True, change=_error(phone, truth) - before)
        result = phone.adapt(seed=seed, **({"strategy": strategy} if "ridge" in strategy else {"optimizer": strategy}))
        noted = phone.history()[-1]
        _insist(noted["status"] == ("active" if result.accepted else "rejected"))
        _insist(bool(result.reason) and noted["reason"] == result.reason)
        return Case(attack, strategy, result.accepted, kept_out=False, change=_error(phone, truth) - before)


def _insist(holds: bool) -> None:
    if not holds:
        raise AssertionError("the history does not say what happened")


def _error(phone: Phone, truth: Recording) -> float:
    estimate, _ = phone.predict_features(truth.z)
    return float(np.sqrt(np.mean((estimate.astype(np.float64) - truth.affect) ** 2)))


def _all_of(bundle: Path, seeds: range) -> list[Case]:
    return list(cases(bundle, seeds))


def table(found: list[Case], margin: float) -> str:
    """Write one line for each attack and strategy."""
    lines = []
    for attack in ATTACKS:
        for strategy in STRATEGIES:
            group = [case for case in found if (case.attack, case.strategy) == (attack, strategy)]
            changes = np.array([case.change for case in group])
            accepted = sum(case.accepted for case in group)
            kept_out = sum(case.kept_out for case in group)
            refused = f"{len(group) - accepted}" + (" (at the door)" if kept_out else "")
            worse = int((changes > margin).sum())
            lines.append(
                f"| {attack} | {strategy} | {LABELS} | {accepted} | {refused} | {changes.mean():+.3f} | "
                f"{changes.max():+.3f} | {worse} |"
            )
    return "\n".join(lines)


_PAGE = """# What the guard lets through

Written by `python -m tests.faults.guard_report`, {seeds} invented owners (seeds 0 to {last}), {labels} labels each,
drawn at random from the first {half} s of a recording, recipe android-fp32 (margin {margin:g}). The *true* change is
that of the RMSE of the head in use on {tested} moments of the rest of the recording, which the phone never gets; it is
0 where the phone refused. Every refusal was found in the phone's history or log with its reason. Synthetic people: the
numbers say how the guard behaves, not how good a model is.

| attack | strategy | labels | accepted | refused | mean true change | largest | worse by more than the margin |
|---|---|---|---|---|---|---|---|
{rows}

{totals}

## What is guaranteed, and what is not

- A label that is NaN or outside [-1, 1], and a feature with NaN or infinity, is refused at the door with all that came
  with it, and the log says so. A head that is not finite on any held-out label is never accepted.
- On the labels that judged it, the RMSE of an accepted head (with fewer than 120 labels: of heads made in the same way
  without them) is no more than the old one's plus the margin, by half a standard error over blocks of time. That is a
  statement about the owner's labels. On moments that the phone never sees it holds as often as the last column shows:
  labels of one part of a recording cannot vouch for another.
- When *all* labels are wrong the guard's own labels are wrong as well. The phone then declines labels that fit what the
  head in use says no better than labels of other moments would, are all the same, or come from too few stretches of
  time. Labels that are wrong in a way that the head in use cannot contradict (a shift, somebody else with other
  habits, labels that happen to fit) are learned: no phone can tell them from an owner who is unlike the source people.
  `pen-mobile phone rollback` goes back.

Commit {commit}, {seconds:.0f} s with {workers} processes.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bundle", type=Path, help="one made before, instead of a new one")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "guard.md")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bundle = arguments.bundle or make_bundle(Path(folder))
        parts = [range(n, arguments.seeds, arguments.workers) for n in range(arguments.workers)]
        with ProcessPoolExecutor(arguments.workers) as pool:
            found = [case for part in pool.map(_all_of, [bundle] * len(parts), parts) for case in part]
        margin = open_bundle(bundle).manifest.adaptation.margin
    accepted = sum(case.accepted for case in found if case.attack != next(iter(ATTACKS)))
    attacked = [case for case in found if case.attack != next(iter(ATTACKS))]
    worse = sum(case.change > margin for case in attacked)
    text = _PAGE.format(
        seeds=arguments.seeds,
        last=arguments.seeds - 1,
        labels=LABELS,
        half=SECONDS // 2,
        tested=SECONDS - SECONDS // 2 - 10,
        margin=margin,
        rows=table(found, margin),
        totals=f"Under attack: {len(attacked)} adaptations, {accepted} accepted, {worse} "
        f"heads worse than before by more than the margin, the worst by {max(case.change for case in attacked):.3f}.",
        commit=_commit(),
        seconds=time.perf_counter() - started,
        workers=arguments.workers,
    )
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


if __name__ == "__main__":
    main()
