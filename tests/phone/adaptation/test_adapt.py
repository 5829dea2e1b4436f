"""One adaptation in the real runtime: every way to adapt, the guard, budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.adaptation.adapt import AdaptationResult
from pen_mobile.phone.adaptation.adapt import adapt as adapt_context
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples

SHIFT = np.array([0.3, -0.2], np.float32)
BEFORE = ((0.3**2 + 0.2**2) / 2) ** 0.5  # RMSE of a head that somebody's own shift is added to: 0.2550


@pytest.fixture(scope="module")
def runtime(small_bundle: Path) -> BundleRuntime:
    return BundleRuntime(open_bundle(small_bundle))


@pytest.fixture(scope="module")
def start(runtime: BundleRuntime) -> np.ndarray:
    """Return a head whose experts say different things and whose gate chooses among them."""
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(runtime.bundle.manifest.head.parameters_shape)).astype(np.float32)


@pytest.fixture(scope="module")
def samples(runtime: BundleRuntime, start: np.ndarray) -> Samples:
    """60 labels, one in 3 s, of somebody who feels what the head says plus :data:`SHIFT`: 15 blocks of time."""
    z = np.random.default_rng(1).standard_normal((60, 16)).astype(np.float32)
    answers, _ = runtime.predict(start, z)
    return Samples(z, answers + SHIFT, np.ones(60, np.float32), 1.7e9 + 3.0 * np.arange(60))


def plan_of(runtime: BundleRuntime, **changes: Any) -> AdaptationPart:
    return runtime.bundle.manifest.adaptation.model_copy(
        update={"strategy": "gradient", "optimizer": "adadelta", "margin": 0.0} | changes
    )


def adapt(
    runtime: BundleRuntime, parameters: np.ndarray, samples: Samples, plan: AdaptationPart, seed: int = 0
) -> tuple[AdaptationResult, np.ndarray | None]:
    return adapt_context(AdaptationContext(runtime, parameters, samples, plan, seed))


@pytest.mark.parametrize("strategy", ["adadelta", "sgd", "adam", "offset-ridge"])
def test_every_strategy_is_accepted_when_it_helps_and_is_repeatable(
    runtime: BundleRuntime, start: np.ndarray, samples: Samples, strategy: str
) -> None:
    changes = {"strategy": strategy} if strategy == "offset-ridge" else {"optimizer": strategy}
    plan = plan_of(runtime, steps=60, **changes)
    result, parameters = adapt(runtime, start, samples, plan, seed=3)
    assert result.accepted, result.reason
    assert (result.labels, result.trained_on, result.judged_on) == (60, 60, 60)
    assert (result.judged_by, result.by_time) == ("cross-validation", True)
    assert result.error_before == pytest.approx(BEFORE, abs=1e-4)
    assert result.error_after is not None
    assert result.error_after < BEFORE
    assert parameters is not None
    again, same = adapt(runtime, start, samples, plan, seed=3)
    np.testing.assert_array_equal(parameters, same)
    assert (again.error_after, again.steps, again.method) == (result.error_after, result.steps, result.method)


def test_a_shift_is_an_offset(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """Everybody's bias moves by the shift, nothing else moves, and nothing is left of the error."""
    result, parameters = adapt(runtime, start, samples, plan_of(runtime, strategy="offset-ridge"))
    assert (result.method, result.steps, result.stopped_by) == ("offset", 0, None)
    assert result.error_after == pytest.approx(0, abs=1e-5)
    assert parameters is not None
    experts = runtime.bundle.manifest.head.expert_count
    moved = parameters - start
    np.testing.assert_allclose(moved[0, experts:, -1], np.tile(SHIFT, experts), atol=1e-5)
    np.testing.assert_allclose(moved[0, :, :-1], 0, atol=1e-6)


def test_ridge_moves_experts_when_labels_ask_for_it(runtime: BundleRuntime, start: np.ndarray) -> None:
    """Somebody whose valence is the first feature; no shift explains that, and a linear expert can say it."""
    z = np.random.default_rng(2).standard_normal((100, 16)).astype(np.float32)
    answers, _ = runtime.predict(start, z)
    wanted = answers + np.stack([0.3 * z[:, 0], np.zeros(100)], axis=1).astype(np.float32)
    owner = Samples(z, wanted, np.ones(100, np.float32), 3.0 * np.arange(100))
    result, _ = adapt(runtime, start, owner, plan_of(runtime, strategy="offset-ridge"))
    assert result.accepted
    assert str(result.method).startswith("ridge, inverse regularization")
    assert result.error_before is not None
    assert result.error_after is not None
    assert result.error_after < 0.5 * result.error_before


def test_many_labels_are_held_out_once(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """15 blocks of 4 labels (12 s), a fifth held out: 3 blocks, 12 labels; next to them nobody is nearer than 2 s."""
    result, _ = adapt(runtime, start, samples, plan_of(runtime, hold_out_from=60))
    assert (result.judged_by, result.judged_on, result.trained_on) == ("held-out labels", 12, 48)
    assert result.accepted


def test_nothing_is_accepted_where_nothing_helps(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """Somebody who is 0.3 above the head in one half of the time and 0.3 below it in the other.

    The head in use misses every label by 0.3 on one axis: 0.3 / sqrt 2 = 0.2121. An offset learned from the other
    blocks is nearly 0, and what it is points away from the block that it is tried on.
    """
    sign = np.where(np.arange(60) < 30, 1, -1)[:, None]
    labels = samples.labels - SHIFT + sign * np.array([0.3, 0], np.float32)
    owner = Samples(samples.features, labels.astype(np.float32), samples.weight, samples.captured_at)
    result, parameters = adapt(runtime, start, owner, plan_of(runtime, strategy="offset-ridge"))
    assert (result.accepted, parameters) == (False, None)
    assert result.error_before == pytest.approx(0.3 / 2**0.5, abs=1e-5)
    assert result.error_after is not None
    assert result.error_after >= result.error_before
    assert "nothing was better than the head in use" in result.reason


def test_a_head_that_blows_up_is_refused(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """Features of 1e30 make estimates of 1e29, and every training worse; what comes out is no number in the end."""
    wild = Samples(samples.features * np.float32(1e30), samples.labels, samples.weight, samples.captured_at)
    for strategy in ("gradient", "offset-ridge"):
        result, parameters = adapt(runtime, start, wild, plan_of(runtime, strategy=strategy, steps=20))
        assert (result.accepted, parameters) == (False, None)
        json.dumps(result.to_dict(), allow_nan=False)


def test_doubling_every_weight_changes_nothing(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """Weights are shares: twice all of them is the same problem."""
    doubled = Samples(samples.features, samples.labels, samples.weight * 2, samples.captured_at)
    plan = plan_of(runtime, steps=30)
    (one, first), (two, second) = (adapt(runtime, start, which, plan, seed=1) for which in (samples, doubled))
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert one.error_after == pytest.approx(two.error_after, abs=1e-6)


def test_what_ends_the_steps(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """The smaller budget ends them; seconds are shared by five rounds and the last fit, which looks once each."""
    result, _ = adapt(runtime, start, samples, plan_of(runtime, steps=20))
    assert (result.stopped_by, result.steps) == ("steps", 6 * 20)
    result, _ = adapt(runtime, start, samples, plan_of(runtime, seconds=1e-6))
    assert (result.stopped_by, result.steps) == ("seconds", 6)
    nothing_to_learn = Samples(samples.features, samples.labels - SHIFT, samples.weight, samples.captured_at)
    result, _ = adapt(runtime, start, nothing_to_learn, plan_of(runtime, patience=2, check_every=5, hold_out_from=0))
    assert (result.stopped_by, result.steps) == ("patience", 10)
    assert not result.accepted
    assert "nothing was better" in result.reason


def test_labels_that_cannot_be_learned_from_are_declined(
    runtime: BundleRuntime, start: np.ndarray, samples: Samples
) -> None:
    plan = plan_of(runtime, strategy="offset-ridge")
    few = Samples(*(getattr(samples, name)[:15] for name in ("features", "labels", "weight", "captured_at")))
    stretch = Samples(samples.features, samples.labels, samples.weight, samples.captured_at[0] + np.arange(60) / 2)
    same = Samples(samples.features, np.full_like(samples.labels, 0.5), samples.weight, samples.captured_at)
    inverted = Samples(samples.features, -samples.labels, samples.weight, samples.captured_at)
    for owner, reason in (
        (few, "15 labels are too few"),
        (stretch, "from 3 stretches of 10 s"),
        (same, "all labels are the same"),
        (inverted, "contradict the head in use (correlation -1.00"),
    ):
        result, parameters = adapt(runtime, start, owner, plan)
        assert (result.accepted, parameters) == (False, None)
        assert reason in result.reason


def test_one_broken_feature_is_left_out(runtime: BundleRuntime, start: np.ndarray, samples: Samples) -> None:
    """One of 60 features is a million times too large; the others are adapted to as if it were not there."""
    broken = samples.features.copy()
    broken[7] *= 1e6
    owner = Samples(broken, samples.labels, samples.weight, samples.captured_at)
    result, parameters = adapt(runtime, start, owner, plan_of(runtime, strategy="offset-ridge"))
    assert (result.accepted, result.labels, result.trained_on, result.left_out) == (True, 60, 59, 1)
    assert parameters is not None
    assert np.isfinite(parameters).all()
