"""Device profiles: every built-in one is readable and commented, and a wrong one is refused in one line."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.simulation.device_profile import Thermal, UsageSchedule, load_profile, profile_names
from pen_mobile.utils.resources import contract_folder

FOLDER = contract_folder() / "profiles"


def test_the_built_in_profiles() -> None:
    assert profile_names() == ["desktop", "phone-2018", "phone-2021", "phone-2024"]
    speeds = [load_profile(name).slowdown for name in profile_names()[1:]]
    assert speeds == sorted(speeds, reverse=True)
    desktop = load_profile("desktop")
    assert (desktop.memory_mb, desktop.storage_bytes, desktop.slowdown) == (None, None, 1.0)


@pytest.mark.parametrize("name", profile_names())
def test_every_key_is_commented(name: str) -> None:
    assert load_profile(name).name == name
    text = (FOLDER / f"{name}.toml").read_text()
    for line in text.splitlines():
        if re.match(r"(\[|\w+ =)", line) and not line.startswith("name"):
            assert "#" in line, line
    assert name == "desktop" or "Every value is an assumption" in text.replace("\n# ", " ")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("threads = 2", "threads = 0", "threads: Input should be greater than or equal to 1"),
        ("slowdown = 2.0", "", "slowdown: Field required"),
        ("slowdown = 2.0", "slowdown = nan", "slowdown: Input should be"),
        ("storage_mb = 64", "storage_gb = 64", "storage_gb: Extra inputs are not permitted"),
        ('"22:30-07:00"', '"22:30-25:00"', "day.charging.2: String should match pattern"),
        ("cooling_minutes = 12.0", "cooling_minutes = 0", "thermal.cooling_minutes: Input should be greater than 0"),
    ],
)
def test_a_wrong_profile_is_one_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "mine.toml"
    text = (FOLDER / "phone-2021.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput) as refusal:
        load_profile(str(path))
    assert str(refusal.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match="no profile 'phone-1999'; did you mean 'phone-20"):
        load_profile("phone-1999")


def test_windows_may_cross_midnight() -> None:
    habits = UsageSchedule(charging=["22:30-07:00", "12:00-13:00"], idle=[])
    hours = {0: True, 6.99: True, 7: False, 12.5: True, 13: False, 22.5: True, 24 + 1: True, 24 + 8: False}
    assert {hour: habits.is_charging(3600 * hour) for hour in hours} == hours
    assert not habits.is_idle(0)


def test_newtons_law_of_cooling() -> None:
    """12 minutes are one time constant; working, the rest lies 0.05 x 720 = 36 degrees above 24."""
    thermal = Thermal(ambient_celsius=24, charging_celsius=6, celsius_per_second=0.05, cooling_minutes=12)
    assert thermal.celsius_after(34, 720, charging=False) == pytest.approx(24 + 10 / math.e)
    assert thermal.celsius_after(24, 720, charging=True) == pytest.approx(30 - 6 / math.e)
    assert thermal.celsius_after(24, 1, charging=False, working=True) == pytest.approx(24.05, abs=1e-4)
    assert thermal.celsius_after(24, 1e6, charging=True, working=True) == pytest.approx(24 + 6 + 36)
