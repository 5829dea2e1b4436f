"""What a store deletes by itself, and that a wrong clock deletes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.clock import ClockState
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, kinds, samples

DAY = 86_400.0
NOW = 1.7e9


@dataclass
class SetClock:
    """A clock that a test sets."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def open_store(folder: Path, clock: SetClock, retention: Retention | None = None) -> Store:
    return Store(folder / "me.sqlite", BINDING, StoreOptions(retention=retention or Retention(), clock=clock))


def count(store: Store) -> int:
    return len(store.samples().weight)


class TestLimits:
    def test_by_count_the_oldest_go(self, tmp_path: Path, clock: SetClock) -> None:
        z, labels = samples(10)
        store = open_store(tmp_path, clock, Retention(samples=4))
        for row in range(10):
            clock.now += 1
            store.add(z[row : row + 1], labels[row : row + 1])
        np.testing.assert_array_equal(store.samples().features, z[6:])
        assert store.events.entries()[-1]["detail"] == {"too_many": 1}

    def test_by_age_without_anything_new(self, tmp_path: Path, clock: SetClock) -> None:
        """Kept for 30 days: on day 29 everything is there, on day 31 what came on day 0 has gone."""
        store = open_store(tmp_path, clock, Retention(days=30, share=1.0))
        store.add(*samples(2))
        clock.now += 29 * DAY
        store.add(*samples(3, seed=1))
        assert count(store) == 5
        clock.now += 2 * DAY
        assert store.apply_retention() == {"too_old": 2}
        assert count(store) == 3
        assert store.notices == [f"{store.path}: 2 samples were too old and are deleted"]

    def test_no_more_than_a_share_goes_for_its_age_in_one_opening_and_day(
        self, tmp_path: Path, clock: SetClock
    ) -> None:
        """Of 50 samples, all too old, a fifth goes, 10; the next opening takes 8 of 40, and 6 of 32 on the next day."""
        retention = Retention(days=30)
        with open_store(tmp_path, clock, retention) as store:
            store.add(*samples(50))
            clock.now += 29 * DAY
            store.apply_retention()
            clock.now += 2 * DAY
            assert store.apply_retention() == {"too_old": 10, "left_for_later": 40}
            assert store.apply_retention() == {"left_for_later": 40}
            assert store.events.entries()[-1]["detail"] == {"too_old": 10, "left_for_later": 40}
        with open_store(tmp_path, clock, retention) as store:
            assert store.apply_retention() == {"too_old": 8, "left_for_later": 32}
            clock.now += DAY
            assert store.apply_retention()["too_old"] == 6

    @pytest.mark.parametrize("name", ["samples", "days", "heads", "events", "share"])
    def test_limits_must_make_sense(self, name: str) -> None:
        with pytest.raises(BadInput, match=f"retention: {name} is 0"):
            Retention(**{name: 0})


class TestWrongClock:
    def test_a_clock_400_days_ahead_deletes_nothing_and_says_so(self, tmp_path: Path, clock: SetClock) -> None:
        store = open_store(tmp_path, clock)
        store.add(*samples(60))
        clock.now += 400 * DAY
        assert count(store) == 60
        assert "no sample is deleted for its age" in store.notices[0]
        assert kinds(store) == ["clock-doubted"]
        assert count(store) == 60
        assert kinds(store) == ["clock-doubted"]  # said once
        clock.now = NOW + DAY
        assert count(store) == 60
        clock.now += 5 * DAY  # an ordinary step again
        store.add(*samples(1, seed=1))
        assert count(store) == 61

    @pytest.mark.parametrize("wrong", [0.0, NOW - 400 * DAY, 4e9, 1e300, float("inf"), float("nan")])
    def test_no_reading_of_the_clock_deletes_anything(self, tmp_path: Path, clock: SetClock, wrong: float) -> None:
        with open_store(tmp_path, clock) as store:
            store.add(*samples(60))
        clock.now = wrong
        for _ in range(3):
            with open_store(tmp_path, clock) as store:
                assert count(store) == 60

    def test_labels_given_under_a_wrong_clock_do_not_age_by_it(self, tmp_path: Path, clock: SetClock) -> None:
        """The battery was empty, the clock says 1970: the labels are kept, and stay when the clock is right again."""
        store = open_store(tmp_path, clock)
        store.add(*samples(3))
        clock.now = 1000.0
        store.add(*samples(4, seed=1))
        clock.now = NOW + DAY
        assert count(store) == 7
        assert store.samples().captured_at[:4].tolist() == [1000.0] * 4

    def test_a_phone_from_the_drawer_is_believed_after_three_days(self, tmp_path: Path, clock: SetClock) -> None:
        retention = Retention(days=365, share=1.0)
        with open_store(tmp_path, clock, retention) as store:
            store.add(*samples(5))
        for day in range(4):
            clock.now = NOW + (400 + day) * DAY
            with open_store(tmp_path, clock, retention) as store:
                assert count(store) == (5 if day < 3 else 0)
                assert bool(store.notices) == (day in (0, 3))
        with open_store(tmp_path, clock, retention) as store:
            assert kinds(store) == ["clock-doubted", "forgotten"]


class TestClockState:
    def test_ordinary_steps_are_believed(self) -> None:
        state = ClockState(NOW)
        for step, seen in ((0.0, NOW), (30 * DAY, NOW + 30 * DAY), (-DAY, NOW)):
            assert state.after(NOW + step) == ClockState(seen)

    def test_a_jump_is_doubted_until_it_goes_on(self) -> None:
        state = ClockState(NOW).after(NOW + 31 * DAY)
        assert (state.believed, state.seen_at) == (False, NOW)
        state = state.after(NOW + 33 * DAY)
        assert not state.believed
        assert state.after(NOW + 34 * DAY) == ClockState(NOW + 34 * DAY)

    def test_another_jump_begins_anew(self) -> None:
        state = ClockState(NOW).after(NOW + 100 * DAY).after(NOW + 200 * DAY)
        assert state.doubt == (NOW + 200 * DAY, NOW + 200 * DAY)
        assert not state.after(NOW + 202 * DAY).believed

    def test_a_clock_that_was_ahead_when_the_store_was_made_can_come_back(self) -> None:
        state = ClockState(4e9)
        for day in range(4):
            state = state.after(NOW + day * DAY)
        assert state == ClockState(NOW + 3 * DAY)


class TestTheDoor:
    @pytest.mark.parametrize(
        ("when", "word"),
        [
            (float("nan"), "no time"),
            (float("inf"), "later than the clock says"),
            (-float("inf"), "before 1970"),
            (1e300, "later than the clock says"),
            (-1.0, "before 1970"),
            (NOW + 2 * DAY, "later than the clock says"),
            (0.0, "days ago; this store keeps samples for 365 days"),
            (NOW - 366 * DAY, "366 days ago"),
        ],
    )
    def test_an_impossible_time_is_one_line_and_keeps_all_out(
        self, tmp_path: Path, clock: SetClock, when: float, word: str
    ) -> None:
        store = open_store(tmp_path, clock)
        with pytest.raises(BadInput, match=word) as refusal:
            store.add(*samples(3), captured_at=[NOW, when, NOW])
        assert str(refusal.value).startswith("sample 2: captured_at is ")
        assert "\n" not in str(refusal.value)
        assert count(store) == 0
        assert kinds(store) == ["labels-refused"]

    def test_the_number_of_times_must_fit(self, tmp_path: Path, clock: SetClock) -> None:
        with pytest.raises(BadInput, match=r"captured_at has \[2\] times for 3 labels"):
            open_store(tmp_path, clock).add(*samples(3), captured_at=[NOW, NOW])

    @pytest.mark.parametrize("origin", ["", "=cmd()", "a\nb", "x" * 65, "\u202e"])
    def test_an_origin_is_a_name(self, tmp_path: Path, clock: SetClock, origin: str) -> None:
        with pytest.raises(BadInput, match="is no name") as refusal:
            open_store(tmp_path, clock).add(*samples(1), origin=origin)
        assert "\n" not in str(refusal.value)
