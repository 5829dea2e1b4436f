"""One adaptation in the real runtime: the call under the prior, gradient steps, and what is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.strategy import Strategy
from pen_mobile.phone.adaptation.adapt import adapt, usable_rows
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import votes_of
from pen_mobile.phone.adaptation.gradient import GradientTrainer
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from tests.phone.adaptation.reports import made_up_report

SHIFT = np.array([0.3, -0.2], np.float32)
GOLDEN = Path(__file__).parents[3] / "export" / "golden" / "phone" / "bundle"


@pytest.fixture(scope="module")
def runtime(small_bundle: Path) -> BundleRuntime:
    return BundleRuntime(open_bundle(small_bundle))


@pytest.fixture(scope="module")
def samples(runtime: BundleRuntime) -> Samples:
    """60 labels, a minute apart, of a person who is :data:`SHIFT` above the shipped head."""
    return shifted(runtime)


def shifted(runtime: BundleRuntime) -> Samples:
    features = runtime.bundle.manifest.head.feature_size
    z = np.random.default_rng(1).standard_normal((60, features)).astype(np.float32)
    labels = runtime.predict(runtime.head_parameters(), z)[0] + SHIFT
    return Samples(z, labels, np.ones(60, np.float32), 1.7e9 + 60.0 * np.arange(60))


def changed(samples: Samples, **changes: Any) -> Samples:
    return Samples(**{**vars(samples), **changes})


def some(samples: Samples, rows: np.ndarray) -> Samples:
    return Samples(*(values[rows] for values in vars(samples).values()))


def plan_of(runtime: BundleRuntime, **changes: Any) -> AdaptationPart:
    return runtime.bundle.manifest.adaptation.model_copy(update={"strategy": Strategy.PRIOR} | changes)


def gradient(runtime: BundleRuntime, **changes: Any) -> AdaptationPart:
    changes = {"strategy": Strategy.GRADIENT, "steps": 64} | changes
    return plan_of(runtime, **changes)


def errors(runtime: BundleRuntime, parameters: np.ndarray, samples: Samples) -> np.ndarray:
    """Return the RMSE of a head, ``[K]``."""
    return np.sqrt(np.square(runtime.predict(parameters, samples.features)[0] - samples.labels).mean(axis=0))


def test_a_shift_is_learned_under_the_prior(runtime: BundleRuntime, samples: Samples) -> None:
    result, parameters = adapt(AdaptationContext(runtime, samples, plan_of(runtime)))
    assert result.accepted, result.reason
    assert (result.labels, result.steps, result.optimizer, result.strategy) == (60, 0, None, Strategy.PRIOR)
    assert parameters is not None
    assert (errors(runtime, parameters, samples) < 0.5 * np.abs(SHIFT)).all()
    assert [target.target for target in result.targets] == ["valence", "arousal"]
    for target, before in zip(result.targets, np.abs(SHIFT), strict=True):
        assert target.before == pytest.approx(before, abs=1e-3)
        assert target.after < target.before
    again, same = adapt(AdaptationContext(runtime, samples, plan_of(runtime)))
    np.testing.assert_array_equal(parameters, same)
    assert again.targets == result.targets


@pytest.mark.parametrize("optimizer", ["adadelta", "sgd", "adam"])
def test_gradient_steps_are_accepted_when_they_help_and_are_repeatable(optimizer: str) -> None:
    """With every optimizer, in a bundle that carries all of them and takes two steps a call."""
    runtime = BundleRuntime(open_bundle(GOLDEN))
    samples = shifted(runtime)
    context = AdaptationContext(runtime, samples, gradient(runtime, optimizer=optimizer, steps=60))
    result, parameters = adapt(context)
    assert result.accepted, result.reason
    assert (result.strategy, result.optimizer) == (Strategy.GRADIENT, optimizer)
    assert 5 * 60 < result.steps <= 6 * 60  # five folds, and as many steps as they chose, in whole evaluations
    assert parameters is not None
    assert errors(runtime, parameters, samples).mean() < np.abs(SHIFT).mean()
    again, same = adapt(context)
    np.testing.assert_array_equal(parameters, same)
    assert (again.steps, again.targets) == (result.steps, result.targets)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("strategy", [Strategy.PRIOR, Strategy.GRADIENT])
def test_a_few_labels_are_enough_to_begin(
    runtime: BundleRuntime, samples: Samples, count: int, strategy: Strategy
) -> None:
    """No error, and a head that is no worse on the other 57 labels than the margin."""
    few, rest = some(samples, np.arange(count)), some(samples, np.arange(3, 60))
    result, parameters = adapt(AdaptationContext(runtime, few, gradient(runtime, strategy=strategy)))
    assert result.labels == count
    json.dumps(result.to_dict(), allow_nan=False)
    if parameters is not None:
        assert (errors(runtime, parameters, rest) < np.abs(SHIFT) + 0.02).all()


@pytest.mark.parametrize("strategy", [Strategy.PRIOR, Strategy.GRADIENT])
def test_labels_all_alike_and_of_one_instant(runtime: BundleRuntime, samples: Samples, strategy: Strategy) -> None:
    """Labels of one instant are worth one label; labels all alike say a level."""
    plan = gradient(runtime, strategy=strategy)
    instant = changed(samples, captured_at=np.full(60, 1.7e9))
    alike = changed(samples, labels=np.full_like(samples.labels, 0.2))
    for owner in (instant, alike):
        result, parameters = adapt(AdaptationContext(runtime, owner, plan))
        json.dumps(result.to_dict(), allow_nan=False)
        assert parameters is None or np.isfinite(parameters).all()
    remark = "; 60 labels have the same capture time, and labels of one time count as one: give captured_at"
    assert adapt(AdaptationContext(runtime, instant, plan))[0].reason.endswith(remark)
    assert "captured_at" not in adapt(AdaptationContext(runtime, samples, plan))[0].reason
    by_prior = adapt(AdaptationContext(runtime, instant, plan_of(runtime)))[0]
    assert all(target.effective_labels == pytest.approx(1, abs=1e-3) for target in by_prior.targets)


def test_without_labels_nothing_is_tried(runtime: BundleRuntime, samples: Samples) -> None:
    result, parameters = adapt(AdaptationContext(runtime, some(samples, np.arange(0)), plan_of(runtime)))
    assert (result.accepted, result.reason, result.targets, parameters) == (False, "there are no labels", (), None)


def test_the_method_gets_padded_samples_far_apart(
    runtime: BundleRuntime, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as many samples as fit, two of each moment: one of each goes in, with the shipped head, times from 0 on."""
    part, given = runtime.bundle.manifest.head.adapt, []
    assert part is not None

    def noted(self: BundleRuntime, *inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        given.append(inputs)
        return inputs[0] + 1, made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)[None]

    monkeypatch.setattr(BundleRuntime, "adapt", noted)
    rows = np.resize(np.arange(60), part.labels)
    many = some(samples, np.repeat(rows, 2))
    times = 1.7e9 + np.repeat(np.arange(part.labels) * 7.0, 2)
    adapt(AdaptationContext(runtime, changed(many, captured_at=times), plan_of(runtime)))
    adapt(AdaptationContext(runtime, samples, plan_of(runtime)))
    parameters, z, y, weight, time = given[0]
    np.testing.assert_array_equal(parameters, runtime.head_parameters())
    np.testing.assert_array_equal(z[0], samples.features[rows])
    np.testing.assert_array_equal(y[0], samples.labels[rows])
    np.testing.assert_array_equal(time[0], 7.0 * np.arange(part.labels))
    assert weight.min() == 1
    _, z, _, weight, time = given[1]
    assert z.shape[1] == part.labels
    np.testing.assert_array_equal(weight[0], np.arange(part.labels) < 60)
    assert np.diff(time[0, :60]).tolist() == [min(60.0, 20 * max(part.noise_seconds))] * 59


def test_a_year_between_labels_keeps_seconds_apart(runtime: BundleRuntime, samples: Samples) -> None:
    """1 s after a year is not lost in float32, in which a year has steps of 2 s."""
    owner = changed(some(samples, np.arange(3)), captured_at=1.7e9 + np.array([0, 3.15e7, 3.15e7 + 1]))
    times = AdaptationContext(runtime, owner, plan_of(runtime)).times.astype(np.float32)
    assert times[2] - times[1] == 1


@pytest.mark.parametrize(
    ("verdicts", "prior", "steps"),
    [
        ((Verdict.ADAPTED, Verdict.ADAPTED), True, True),
        ((Verdict.ADAPTED, Verdict.CONTRADICTS_HEAD), True, False),
        ((Verdict.CONTRADICTS_HEAD, Verdict.CONTRADICTS_HEAD), False, False),
        ((Verdict.WORSE_LEFT_OUT, Verdict.NO_LABELS), False, False),
    ],
)
def test_verdicts_decide(
    runtime: BundleRuntime,
    samples: Samples,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: tuple[Verdict, Verdict],
    prior: bool,
    steps: bool,
) -> None:
    """Under the prior each target is adapted by itself; gradient steps adapt all targets or none."""
    report = made_up_report(*verdicts)[None]
    monkeypatch.setattr(BundleRuntime, "adapt", lambda self, parameters, *inputs: (parameters, report))
    for plan, expected in ((plan_of(runtime), prior), (gradient(runtime), steps)):
        result, parameters = adapt(AdaptationContext(runtime, samples, plan))
        assert (result.accepted, parameters is not None) == (expected, expected), result.reason


def test_a_head_that_blows_up_is_refused(runtime: BundleRuntime, samples: Samples) -> None:
    """Features of 1e30 make estimates of 1e29, and every training worse."""
    wild = changed(samples, features=samples.features * np.float32(1e30))
    for strategy in (Strategy.PRIOR, Strategy.GRADIENT):
        result, parameters = adapt(AdaptationContext(runtime, wild, gradient(runtime, strategy=strategy)))
        assert (result.accepted, parameters) == (False, None)
        json.dumps(result.to_dict(), allow_nan=False)


def test_doubling_every_weight_changes_no_gradient_step(
    runtime: BundleRuntime, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are shares of a batch: twice all of them is the same problem."""
    report = made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)[None]
    monkeypatch.setattr(BundleRuntime, "adapt", lambda self, parameters, *inputs: (parameters, report))
    doubled = changed(samples, weight=samples.weight * 2)
    (one, first), (two, second) = (
        adapt(AdaptationContext(runtime, which, gradient(runtime))) for which in (samples, doubled)
    )
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert one.targets[0].after == pytest.approx(two.targets[0].after, abs=1e-6)


def test_a_budget_of_time_ends_the_steps(runtime: BundleRuntime, samples: Samples) -> None:
    """The first fold reaches one evaluation, and decides for the others: six trainings of that many steps at most."""
    each = runtime.bundle.manifest.head.trainer("adadelta").steps
    result, _ = adapt(AdaptationContext(runtime, samples, gradient(runtime, seconds=1e-6, check_every=10)))
    evaluation = -(-10 // each) * each
    assert result.steps in (5 * evaluation, 6 * evaluation)


@pytest.mark.parametrize(("steps", "each"), [(100, 96), (96, 96), (3, 16)])
def test_a_training_takes_whole_calls_and_whole_evaluations(
    runtime: BundleRuntime, samples: Samples, steps: int, each: int
) -> None:
    """Calls of 8 steps: an evaluation every 10 is one every 16, and 100 steps are 6 evaluations; one at least."""
    assert runtime.bundle.manifest.head.trainer("adadelta").steps == 8
    result, _ = adapt(AdaptationContext(runtime, samples, gradient(runtime, steps=steps, check_every=10)))
    last = result.steps - 5 * each  # five folds take all of their steps, the last training as many as they chose
    assert 0 <= last <= each
    assert last % 16 == 0


def test_of_gradient_steps_a_share_is_kept_back(runtime: BundleRuntime, samples: Samples) -> None:
    """V effective labels: the head moves by V / (V + 2) of what the steps on all labels move it by."""
    context = AdaptationContext(runtime, samples, gradient(runtime))
    result, parameters = adapt(context)
    trainer = GradientTrainer(context, np.arange(60))
    state = trainer.start()
    for _ in range((result.steps - 5 * 64) // 16):
        state = trainer.run(state, lambda: None)
    labels = votes_of(context.times, context.noise_seconds).sum()
    moved = state.parameters - context.parameters
    np.testing.assert_allclose(parameters, context.parameters + labels / (labels + 2) * moved, atol=1e-6)
    assert np.abs(moved).max() > 1e-3


def test_where_no_step_helps_none_is_taken(runtime: BundleRuntime, samples: Samples) -> None:
    content = changed(samples, labels=samples.labels - SHIFT)
    result, parameters = adapt(AdaptationContext(runtime, content, gradient(runtime)))
    assert (result.accepted, parameters) == (False, None)
    assert "no number of steps was better than none" in result.reason


def test_one_broken_feature_is_left_out(runtime: BundleRuntime, samples: Samples) -> None:
    """One of 60 features is a million times too large; the others are adapted to as if it were not there."""
    broken = samples.features.copy()
    broken[7] *= 1e6
    for strategy in (Strategy.PRIOR, Strategy.GRADIENT):
        owner = changed(samples, features=broken)
        result, parameters = adapt(AdaptationContext(runtime, owner, gradient(runtime, strategy=strategy)))
        assert (result.accepted, result.labels, result.left_out) == (True, 60, 1)
        without, same = adapt(
            AdaptationContext(runtime, some(samples, np.delete(np.arange(60), 7)), gradient(runtime, strategy=strategy))
        )
        np.testing.assert_array_equal(parameters, same)
        assert without.targets == result.targets


def test_a_feature_unlike_all_others_is_not_used() -> None:
    """Norms 1, 1, 1, 9: more than eight times the median."""
    assert usable_rows(np.array([[1, 0], [0, 1], [1, 0], [9, 0]], np.float32)).tolist() == [0, 1, 2]


def test_the_report_is_that_of_the_reference(runtime: BundleRuntime, samples: Samples) -> None:
    """Errors of the shipped head do not depend on folds: the vote-weighted RMSE."""
    _, report = runtime.adapt(*_inputs(runtime, samples))
    before = np.sqrt(np.mean(np.square(SHIFT.astype(np.float64))[None].repeat(60, 0), axis=0))
    np.testing.assert_allclose(report[0, ReportRow.ERROR_NOT_ADAPTED], before, atol=1e-3)


def _inputs(runtime: BundleRuntime, samples: Samples) -> list[np.ndarray]:
    part = runtime.bundle.manifest.head.adapt
    assert part is not None
    z = np.zeros((1, part.labels, 16), np.float32)
    y, weight = np.zeros((1, part.labels, 2), np.float32), np.zeros((1, part.labels), np.float32)
    time = weight.copy()
    z[0, :60], y[0, :60], weight[0, :60], time[0, :60] = samples.features, samples.labels, 1, 60 * np.arange(60)
    return [runtime.head_parameters(), z, y, weight, time]
