"""The same labels give the same verdict and reason in Kotlin and in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.phone.adaptation.result import AdaptationResult
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.types import Doubles, Floats
from tests.android.kotlin import Harness, harness, needs_kotlin

needs_kotlin()

NOW = 1.7e9
SCENARIOS = 200


@pytest.fixture(scope="module")
def kotlin() -> Iterator[Harness]:
    yield from harness()


class Labels:
    """Features, labels and capture times of one person."""

    def __init__(self, z: Floats, y: Floats, times: Doubles) -> None:
        self.z, self.y, self.times = z.astype(np.float32), np.clip(y, -1, 1).astype(np.float32), times


def labels_of(number: int, estimate: Callable[[Floats], Floats]) -> Labels:
    """A person whose labels follow the head more or less: every kind of owner, few and many labels."""
    rng = np.random.default_rng(number)
    count = int(rng.choice([1, 2, 3, 5, 9, 20, 50, 140]))
    z = rng.standard_normal((count, 16), dtype=np.float32)
    times = NOW - 1e6 + np.sort(rng.uniform(0, rng.choice([5.0, 600.0, 9e5]), count))
    own, noise = estimate(z), rng.normal(0, rng.choice([0.02, 0.2]), (count, 2))
    kind = number % 8
    if kind == 1:
        own = -own
    elif kind == 2:
        own = rng.uniform(-1, 1, own.shape)
    elif kind == 3:
        own, noise = np.full(own.shape, 0.3), np.zeros_like(noise)
    elif kind == 4:
        own = own * 1.6 + 0.25
    elif kind == 5:
        z[rng.integers(count)] *= 60.0  # a broken camera
    elif kind == 6:
        times = np.repeat(times[::4], 4)[:count]  # several labels of one moment
    elif kind == 7:
        own = rng.permutation(own)
    return Labels(z, own + noise, times)


def same(ours: float | None, theirs: float | None) -> bool:
    """Whether two numbers of a report are the same but for rounding; None is one that is not finite."""
    if ours is None or theirs is None:
        return ours is theirs
    return ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def python_result(bundle: BundleFolder, labels: Labels) -> AdaptationResult:
    with Phone.open(bundle, options=StoreOptions(clock=lambda: NOW)) as phone:
        phone.add_labels(labels.z, labels.y, labels.times)
        return phone.adapt()


def kotlin_result(kotlin: Harness, bundle: Path, labels: Labels, store: Path) -> dict:
    opened = kotlin.ask("open", bundle=bundle, store=store, folder=store.parent / "programs", now=NOW)
    assert opened["labels"] == 0
    rows = zip(labels.z.tolist(), labels.y.tolist(), labels.times.tolist(), strict=True)
    kotlin.ask("label", samples=[{"z": z, "y": y, "t": t} for z, y, t in rows])
    return kotlin.ask("adapt")


@pytest.mark.slow
def test_decisions_are_the_same(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> None:
    bundle = open_bundle(small_bundle)
    with Phone.open(bundle) as phone:
        scenarios = [labels_of(number, lambda z: phone.predict_features(z)[0]) for number in range(SCENARIOS)]
    for number, labels in enumerate(scenarios):
        expected = python_result(bundle, labels)
        found = kotlin_result(kotlin, small_bundle, labels, tmp_path / f"kotlin-{number}.sqlite")
        plain = expected.to_dict()
        for name in ("accepted", "reason", "labels", "left_out"):
            assert found[name] == plain[name], (number, name, found, plain)
        for ours, theirs in zip(found["targets"], plain["targets"], strict=True):
            assert (ours["target"], ours["verdict"]) == (theirs["target"], theirs["verdict"]), number
            for name in ("before", "after", "own_mean", "uncertainty", "effective_labels", "check"):
                assert same(ours[name], theirs[name]), (number, name, ours[name], theirs[name])
    for file in tmp_path.glob("*.sqlite*"):
        file.unlink()


def test_scenarios_cover_every_kind_of_owner() -> None:
    counts = {len(labels_of(number, lambda z: z[:, :2] / 3).y) for number in range(SCENARIOS)}
    assert min(counts) == 1
    assert max(counts) > 128  # more than the method takes
