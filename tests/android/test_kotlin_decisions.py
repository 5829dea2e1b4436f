"""The same labels give the same verdict and reason in Kotlin and in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.phone.adaptation.result import AdaptationResult
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.types import Doubles, Floats
from tests.android.kotlin import Harness, needs_kotlin
from tests.android.resealing import changed_copy
from tests.nightly import times

needs_kotlin()

NOW = 1.7e9
SCENARIOS = times(40, nightly=200)


class Labels:
    """Features, labels and capture times of one person."""

    def __init__(self, z: Floats, y: Floats, times: Doubles) -> None:
        self.z, self.y, self.times = z.astype(np.float32), np.clip(y, -1, 1).astype(np.float32), times


def labels_of(number: int, estimate: Callable[[Floats], Floats]) -> Labels:
    """A person whose labels follow the head more or less: every kind of owner, few and many labels, from -1 to 1."""
    rng = np.random.default_rng(number)
    count = int(rng.choice([1, 2, 3, 5, 9, 20, 50])) if number % 25 else 140
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


def unit_estimates(phone: Phone) -> Callable[[Floats], Floats]:
    """The head's estimates from -1 to 1."""
    return lambda z: phone.manifest.labelling.to_unit(phone.predict_features(z)[0])


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
    compare(kotlin, small_bundle, tmp_path, range(SCENARIOS))


def test_decisions_on_labels_from_1_to_9(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> None:
    bundle = changed_copy(small_bundle, tmp_path / "bundle", lambda values: values.update(label_range=[1.0, 9.0]))
    compare(kotlin, bundle, tmp_path, range(8, 16))


def compare(kotlin: Harness, folder: Path, tmp_path: Path, numbers: range) -> None:
    bundle = open_bundle(folder)
    labelling = bundle.manifest.labelling
    with Phone.open(bundle) as phone:
        people = [(number, labels_of(number, unit_estimates(phone))) for number in numbers]
    for number, labels in people:
        labels.y = labelling.to_labels(labels.y)
        expected = python_result(bundle, labels)
        found = kotlin_result(kotlin, folder, labels, tmp_path / f"kotlin-{number}.sqlite")
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
