"""The guard: a head that is worse on held-out labels never replaces the old one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.folder import open_bundle
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.session import adapt
from pen_mobile.phone.store import Samples
from pen_mobile.subjects.table import SubjectTable


@pytest.fixture(scope="module")
def runtime(bundle_folder: Path) -> BundleRuntime:
    return BundleRuntime(open_bundle(bundle_folder))


@pytest.fixture(scope="module")
def samples(runtime: BundleRuntime, people: SubjectTable) -> Samples:
    rows = people.rows_of("target-02")
    assert people.frames is not None
    return Samples(runtime.features(people.frames.read(rows)), people.affect[rows], np.ones(len(rows), np.float32))


def test_accepts_what_helps_and_is_repeatable(runtime: BundleRuntime, samples: Samples) -> None:
    """80 labels: 40 % = 32 held out, 16 to stop and 16 to guard, 48 train."""
    plan, start = runtime.bundle.manifest.adaptation, runtime.initial_parameters()
    result, state = adapt(runtime, start, samples, plan, seed=3)
    assert result.accepted, result.reason
    assert (result.labels, result.trained_on) == (80, 48)
    assert state is not None
    again, same = adapt(runtime, start, samples, plan, seed=3)
    assert same is not None
    np.testing.assert_array_equal(state, same)
    assert again.error_after == result.error_after


def test_the_guard_refuses_a_head_that_got_worse(runtime: BundleRuntime, samples: Samples) -> None:
    """Labels that the start already answers perfectly, but for the training rows, whose labels are inverted.

    Nothing can be better than an error of 0 on the guard rows, and training pulls away from it; patience
    is set so that the stopping rows do not save the session.
    """
    plan = runtime.bundle.manifest.adaptation.model_copy(update={"patience": 1, "check_every": 330})
    start = runtime.initial_parameters()
    answers, _ = runtime.predict(start, samples.features)
    held = _held_out_rows(len(answers), plan.held_out, seed=0)
    labels = -answers
    guard = held[len(held) // 2 :]
    labels[guard] = answers[guard]
    result, state = adapt(runtime, start, Samples(samples.features, labels, samples.weight), plan, seed=0)
    assert not result.accepted
    assert state is None
    assert result.error_before == pytest.approx(0, abs=1e-6)
    assert result.error_after is not None
    assert result.error_after > 0.01
    assert "the old state stays" in result.reason


def test_a_head_that_blows_up_is_refused(runtime: BundleRuntime, samples: Samples) -> None:
    """Features of 1e30 overflow float32 products: errors are not finite, so nothing is accepted."""
    wild = Samples(samples.features * np.float32(1e30), samples.affect, samples.weight)
    result, state = adapt(runtime, runtime.initial_parameters(), wild, runtime.bundle.manifest.adaptation, seed=0)
    assert not result.accepted
    assert state is None
    result.as_json()


def test_doubling_every_weight_changes_nothing(runtime: BundleRuntime, samples: Samples) -> None:
    """Weights are shares: twice all of them is the same problem."""
    plan, start = runtime.bundle.manifest.adaptation, runtime.initial_parameters()
    doubled = Samples(samples.features, samples.affect, samples.weight * 2)
    (one, first), (two, second) = (adapt(runtime, start, which, plan, seed=1) for which in (samples, doubled))
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first[0], second[0], atol=1e-6)
    assert one.error_after == pytest.approx(two.error_after, abs=1e-6)


def _held_out_rows(count: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).permutation(count)[: round(count * share)]
