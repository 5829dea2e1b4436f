"""Replay in the real runtime: estimates come before labels, and adaptations know past labels only."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.simulation.baselines import (
    adapting_on_everything,
    never_adapting,
    own_mean_so_far,
    unlimited_phone,
)
from pen_mobile.simulation.day_trace import DayTrace, Moments
from pen_mobile.simulation.device import Device
from pen_mobile.simulation.device_profile import AdaptationRules, Profile, load_profile
from pen_mobile.simulation.replay import BLOCK, replay

DESKTOP = load_profile("desktop")
BUDGET = 4.0  # of five moments an hour


def replayed(
    bundle: Path,
    moments: Moments,
    profile: Profile = DESKTOP,
    ask: str = "random",
    block: int = BLOCK,
    tick_s: float = 0.0,
    quota_bytes: int | None = None,
) -> DayTrace:
    """Replay the day with a stopwatch that moves on by ``tick_s`` at every look."""
    device = Device(profile, float(moments.time_s[0]))
    stopwatch = itertools.count(0.0, tick_s)
    store = None if quota_bytes is None else bundle.parent / f"{quota_bytes}.sqlite"
    with Phone.open(bundle, store, options=StoreOptions(clock=device.clock, quota_bytes=quota_bytes)) as phone:
        return replay(
            phone, moments, device, QueryStrategy(ask, BUDGET), block=block, stopwatch=lambda: next(stopwatch)
        )


def rules(**changes: object) -> Profile:
    """Return the desktop with other rules."""
    adaptation = AdaptationRules(**(DESKTOP.adaptation.model_dump() | changes))
    return DESKTOP.model_copy(update={"adaptation": adaptation})


def same(one: DayTrace, other: DayTrace, until: int) -> None:
    np.testing.assert_allclose(one.predictions[:until], other.predictions[:until], atol=1e-6)
    assert [row for row in one.queries if row < until] == [row for row in other.queries if row < until]
    reasons = [[(a.moment, a.labels, a.accepted) for a in day.attempts if a.moment < until] for day in (one, other)]
    assert reasons[0] == reasons[1]


@pytest.fixture(scope="module")
def desktop_day(bundle_folder: Path, moments: Moments) -> DayTrace:
    return replayed(bundle_folder, moments)


@pytest.mark.slow
def test_predictions_do_not_depend_on_the_block_size(
    bundle_folder: Path, moments: Moments, desktop_day: DayTrace
) -> None:
    same(replayed(bundle_folder, moments, block=1), desktop_day, len(moments.time_s))


@pytest.mark.parametrize("ask", ["random", "k-centre"])
def test_the_future_changes_nothing(bundle_folder: Path, moments: Moments, ask: str) -> None:
    """Other features and other labels from moment 60 on: everything before is the same."""
    rng = np.random.default_rng(0)
    z, affect = moments.z.copy(), moments.affect.copy()
    z[60:] = rng.normal(size=z[60:].shape)
    affect[60:] = rng.uniform(-1, 1, affect[60:].shape)
    one, other = (replayed(bundle_folder, each, ask=ask) for each in (moments, Moments(moments.time_s, z, affect)))
    assert any(attempt.accepted and attempt.moment < 60 for attempt in one.attempts)
    same(one, other, 60)
    assert np.abs(one.predictions[60:] - other.predictions[60:]).max() > 0.1


def test_an_adaptation_knows_earlier_queries(desktop_day: DayTrace, bundle_folder: Path, moments: Moments) -> None:
    with Phone.open(bundle_folder) as phone:
        never = never_adapting(phone, moments)
    first = next(attempt.moment for attempt in desktop_day.attempts if attempt.accepted)
    np.testing.assert_allclose(desktop_day.predictions[:first], never[:first], atol=1e-6)
    assert np.abs(desktop_day.predictions[first:] - never[first:]).max() > 0.01
    for attempt in desktop_day.attempts:
        assert attempt.labels == sum(row < attempt.moment for row in desktop_day.queries) > 0
    assert desktop_day.queries == sorted(set(desktop_day.queries))


def test_during_an_adaptation_the_old_head_predicts(bundle_folder: Path, moments: Moments) -> None:
    """An adaptation takes 5,000 s here, and 5,000 s there: the seven moments that begin in it know nothing of it."""
    day = replayed(bundle_folder, moments, tick_s=5000)
    with Phone.open(bundle_folder) as phone:
        never = never_adapting(phone, moments)
    first = next(attempt for attempt in day.attempts if attempt.accepted)
    assert first.device_seconds == 5000
    np.testing.assert_allclose(day.predictions[: first.moment + 7], never[: first.moment + 7], atol=1e-6)
    assert np.abs(day.predictions[first.moment + 7 :] - never[first.moment + 7 :]).max() > 0.01
    moments_of_attempts = [attempt.moment for attempt in day.attempts]
    assert all(later - earlier >= 7 for earlier, later in itertools.pairwise(moments_of_attempts))


@pytest.mark.parametrize("changes", [{"idle": True}, {"max_celsius": 10}, {"new_labels": 1000}])
def test_what_the_profile_forbids_does_not_happen(
    bundle_folder: Path, moments: Moments, changes: dict[str, object]
) -> None:
    """The desktop is never idle and never colder than 24 degrees."""
    day = replayed(bundle_folder, moments, rules(**changes))
    assert day.attempts == []
    assert len(day.queries) > 40


def test_a_rest_between_attempts(bundle_folder: Path, moments: Moments) -> None:
    day = replayed(bundle_folder, moments, rules(rest_minutes=180))
    times = [attempt.time_s for attempt in day.attempts]
    assert len(times) > 1
    assert min(np.diff(times)) >= 180 * 60


def test_a_full_store_is_recorded_and_the_day_goes_on(bundle_folder: Path, moments: Moments) -> None:
    """100 KB are full after some labels of 2 KB; the rest is refused, and what was kept adapts."""
    day = replayed(bundle_folder, moments, quota_bytes=100_000)
    assert day.refused
    assert "may hold 100,000 bytes" in day.refused[0]
    assert 4 < len(day.queries) < 40
    assert np.isfinite(day.predictions).all()


def test_the_unlimited_phone_predicts_before_it_learns(bundle_folder: Path, moments: Moments) -> None:
    """The upper reference, too: the first moment is the initial head's, and the future changes nothing."""
    affect = moments.affect.copy()
    affect[70:] = 0
    with unlimited_phone(bundle_folder) as phone:
        never, predictions = never_adapting(phone, moments), adapting_on_everything(phone, moments)
    with unlimited_phone(bundle_folder) as phone:
        other = adapting_on_everything(phone, Moments(moments.time_s, moments.z, affect))
    np.testing.assert_allclose(predictions[:1], never[:1], atol=1e-6)
    assert np.abs(predictions[1:] - never[1:]).max() > 0.01
    np.testing.assert_allclose(predictions[:70], other[:70], atol=1e-6)


def test_own_mean_so_far() -> None:
    """Asked at 1 and 3: nothing known until 2, then the first answer, then the mean of both."""
    affect = np.array([[0.5, 0.5], [0.2, -0.4], [0, 0], [0.6, 0], [1, 1]], np.float32)
    moments = Moments(np.arange(5.0), np.zeros((5, 1), np.float32), affect)
    expected = [[0, 0], [0, 0], [0.2, -0.4], [0.2, -0.4], [0.4, -0.2]]
    np.testing.assert_allclose(own_mean_so_far(moments, [1, 3]), expected, atol=1e-7)
