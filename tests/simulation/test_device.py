"""A device on its virtual clock, and how a recording becomes a day."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.simulation.device import Device
from pen_mobile.simulation.device_profile import load_profile
from pen_mobile.simulation.schedule import pace_of, time_of_day

PHONE = load_profile("phone-2021")
NOON = 12 * 3600.0


def test_a_recording_stretched_to_a_day() -> None:
    """300 s become 10 h: one second is 120 s."""
    recorded = np.array([5.0, 105.0, 305.0])
    pace = pace_of(recorded, "07:30", 10)
    assert pace.factor == 120
    np.testing.assert_allclose(pace.times(recorded) / 3600, [7.5, 7.5 + 100 * 120 / 3600, 17.5])
    assert pace_of(recorded, "07:30", None).times(recorded)[-1] == 7.5 * 3600 + 300


def test_one_moment_is_no_day() -> None:
    with pytest.raises(BadInput, match="moments at two times"):
        pace_of(np.array([1.0]), "07:00", 16)


@pytest.mark.parametrize("text", ["24:00", "7", "07:60", "noon"])
def test_a_start_that_is_no_time(text: str) -> None:
    with pytest.raises(BadInput, match="is not a time of the day"):
        pace_of(np.arange(3.0), text, 16)


def test_times_of_day_go_round() -> None:
    assert [time_of_day(seconds) for seconds in (0, 7.5 * 3600, 25 * 3600 + 59)] == ["00:00", "07:30", "01:00"]


def test_it_warms_on_the_charger_and_cools_after() -> None:
    """Charging from 12:30 to 13:15, 45 minutes: 6 (1 - exp(-45 / 12)) above 24; an hour later exp(-5) of it is left."""
    device = Device(PHONE, NOON)
    device.wait_until(NOON + 75 * 60)
    warm = 6 * (1 - math.exp(-45 / 12))
    assert device.celsius == pytest.approx(24 + warm, abs=1e-6)
    device.wait_until(NOON + 135 * 60)
    assert device.celsius == pytest.approx(24 + warm * math.exp(-5), abs=1e-6)
    assert device.clock() == 946_684_800 + NOON + 135 * 60


def test_work_takes_longer_there_and_warms() -> None:
    """Ten seconds here are 20 there; near rest each warms by almost 0.05."""
    device = Device(PHONE, NOON)
    assert device.work(10) == 20
    assert device.busy_until_s == NOON + 20
    assert device.celsius == pytest.approx(24 + 36 * (1 - math.exp(-20 / 720)))
    assert device.compute(5) == 10
    assert device.busy_until_s == NOON + 20


def test_why_it_may_not_adapt() -> None:
    device = Device(PHONE, NOON)
    assert device.why_not_adapt(1e9, 3) == "too few new labels"
    assert device.why_not_adapt(60, 4) == "the last attempt is too recent"
    assert device.why_not_adapt(1e9, 4) == "not charging"
    device.wait_until(NOON + 31 * 60)
    assert device.why_not_adapt(1e9, 4) is None
    device.work(300)  # 600 s of work: 36 (1 - exp(-600 / 720)) = 20 degrees more
    assert device.celsius > PHONE.adaptation.max_celsius
    assert device.why_not_adapt(1e9, 4) == "in use"
    device.busy_until_s = device.now_s
    assert device.why_not_adapt(1e9, 4) == "too warm"
