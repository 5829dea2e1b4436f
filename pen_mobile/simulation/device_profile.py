"""Device profiles: speed, limits and rules of a device, as TOML files in ``export/profiles/``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pen_mobile.contract.part import Part
from pen_mobile.errors import BadInput
from pen_mobile.utils.resources import contract_folder
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.toml import read_toml
from pen_mobile.utils.validation import validated

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Celsius = Annotated[float, Field(ge=-40, le=120)]
Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]

_DAY_S = 86_400.0


class AdaptationRules(Part):
    """Conditions of an adaptation; see the comments in ``export/profiles/phone-2021.toml``."""

    charging: bool
    idle: bool
    max_celsius: Celsius
    rest_minutes: NotNegative
    new_labels: Annotated[int, Field(ge=1)]


class UsageSchedule(Part):
    """Use of the device in the course of a day, as windows of time such as ``22:30-07:00``."""

    charging: list[Hours]
    idle: list[Hours]

    def is_charging(self, time_of_day_s: float) -> bool:
        """Tell whether the device charges.

        Args:
            time_of_day_s: seconds after midnight; more than a day goes round.
        """
        return _within(self.charging, time_of_day_s)

    def is_idle(self, time_of_day_s: float) -> bool:
        """Tell whether nobody uses the device.

        Args:
            time_of_day_s: seconds after midnight; more than a day goes round.
        """
        return _within(self.idle, time_of_day_s)


class Thermal(Part):
    """Thermal model: the temperature moves toward a resting point that depends on charging and computing.

    ``T(t + s) = T_rest + (T(t) - T_rest) exp(-s / (60 cooling_minutes))``, Newton's law of cooling. ``T_rest`` is
    ``ambient_celsius``, plus ``charging_celsius`` while it charges, plus ``60 cooling_minutes celsius_per_second``
    while it computes: so a second of work warms a device at rest by ``celsius_per_second``.
    """

    ambient_celsius: Celsius
    charging_celsius: NotNegative
    celsius_per_second: NotNegative
    cooling_minutes: Positive

    def celsius_after(self, celsius: float, seconds: float, *, charging: bool, working: bool = False) -> float:
        """Return the temperature after some time.

        Args:
            celsius: temperature now.
            seconds: time that passes.
            charging: whether the device charges.
            working: whether the device computes.
        """
        cooling_s = 60 * self.cooling_minutes
        rest = self.ambient_celsius + charging * self.charging_celsius + working * cooling_s * self.celsius_per_second
        return rest + (celsius - rest) * math.exp(-seconds / cooling_s)


class Profile(Part):
    """One kind of device.

    Attributes:
        name: name for tables and messages.
        threads: threads of the runtime.
        slowdown: time of the device divided by the time of this machine; times of the device are estimates.
        memory_mb: limit of the memory of programs, store and training together; None is no limit.
        storage_mb: limit of the personal store; None is no limit.
        adaptation: rules for adaptations.
        day: use of the device in the course of a day.
        thermal: thermal model.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    threads: Annotated[int, Field(ge=1, le=64)]
    slowdown: Positive
    memory_mb: Positive | None = None
    storage_mb: Positive | None = None
    adaptation: AdaptationRules
    day: UsageSchedule
    thermal: Thermal

    @property
    def storage_bytes(self) -> int | None:
        """Limit of the personal store in bytes, or None."""
        return None if self.storage_mb is None else round(self.storage_mb * 1e6)


def profile_names() -> list[str]:
    """Return the names of the built-in profiles."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def load_profile(name_or_file: str) -> Profile:
    """Read a built-in profile by name, or any profile by the path of its file.

    Args:
        name_or_file: a name in :func:`profile_names`, or the path of a ``.toml`` file.

    Raises:
        BadInput: the profile does not exist, or a key is unknown, missing or of the wrong kind.
    """
    built_in = name_or_file in profile_names()
    path = _folder() / f"{name_or_file}.toml" if built_in else Path(name_or_file)
    if path.suffix.lower() != ".toml":
        raise BadInput(f"no profile {name_or_file!r}; {choices(name_or_file, profile_names())}, or give a .toml file")
    return validated(Profile, read_toml(path), str(path))


def _folder() -> Path:
    return contract_folder() / "profiles"


def _within(windows: list[str], time_of_day_s: float) -> bool:
    return any(_covers(window, time_of_day_s % _DAY_S) for window in windows)


def _covers(window: str, time_of_day_s: float) -> bool:
    begin, end = (3600 * int(time[:2]) + 60 * int(time[3:]) for time in window.split("-"))
    if begin < end:
        return begin <= time_of_day_s < end
    return time_of_day_s >= begin or time_of_day_s < end  # over midnight; from a time to itself is the whole day
