"""A simulated device: its clock, its temperature, and its rules for adapting."""

from __future__ import annotations

from pen_mobile.simulation.device_profile import Profile
from pen_mobile.simulation.schedule import unix_time

_PIECE_S = 60.0  # charging begins and ends on whole minutes


class Device:
    """One device on its virtual clock.

    Attributes:
        profile: speed, limits and rules.
        now_s: seconds after midnight.
        celsius: temperature.
        busy_until_s: end of the running work, seconds after midnight.
    """

    def __init__(self, profile: Profile, start_s: float) -> None:
        """Start at rest, at the temperature of the surroundings.

        Args:
            profile: speed, limits and rules.
            start_s: begin of the day, seconds after midnight.
        """
        self.profile, self.now_s, self.busy_until_s = profile, start_s, start_s
        self.celsius = profile.thermal.ambient_celsius

    def clock(self) -> float:
        """Return the time as Unix seconds, for a personal store."""
        return unix_time(self.now_s)

    @property
    def charging(self) -> bool:
        """Whether the device charges."""
        return self.profile.day.is_charging(self.now_s)

    @property
    def idle(self) -> bool:
        """Whether nobody uses the device and no work runs."""
        return self.profile.day.is_idle(self.now_s) and self.now_s >= self.busy_until_s

    def wait_until(self, time_s: float) -> None:
        """Move the clock on.

        Args:
            time_s: seconds after midnight; an earlier time changes nothing.
        """
        while self.now_s < time_s:
            seconds = min(_PIECE_S - self.now_s % _PIECE_S, time_s - self.now_s)
            self.celsius = self.profile.thermal.celsius_after(self.celsius, seconds, charging=self.charging)
            self.now_s += seconds

    def compute(self, host_seconds: float) -> float:
        """Account for a computation that does not keep the device busy.

        The clock does not move; the temperature rises at once.

        Args:
            host_seconds: time on this machine.

        Returns:
            Estimated seconds on the device.
        """
        seconds = host_seconds * self.profile.slowdown
        self.celsius = self.profile.thermal.celsius_after(self.celsius, seconds, charging=self.charging, working=True)
        return seconds

    def work(self, host_seconds: float) -> float:
        """Account for a computation during which the device is busy.

        Args:
            host_seconds: time on this machine.

        Returns:
            Estimated seconds on the device.
        """
        seconds = self.compute(host_seconds)
        self.busy_until_s = self.now_s + seconds
        return seconds

    def why_not_adapt(self, since_last_s: float, new_labels: int) -> str | None:
        """Return the reason that forbids an adaptation now, or None.

        Args:
            since_last_s: seconds since the last attempt.
            new_labels: labels that came after the last attempt.
        """
        rules = self.profile.adaptation
        if new_labels < rules.new_labels:
            return "too few new labels"
        if since_last_s < 60 * rules.rest_minutes:
            return "the last attempt is too recent"
        if rules.charging and not self.charging:
            return "not charging"
        if rules.idle and not self.idle:
            return "in use"
        if self.celsius > rules.max_celsius:
            return "too warm"
        return "busy" if self.now_s < self.busy_until_s else None
