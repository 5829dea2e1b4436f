"""A simulated device: what time it is there, how warm it is, and whether it may adapt."""

from __future__ import annotations

from pen_mobile.simulation.day.schedule import unix_time
from pen_mobile.simulation.device_profile import Profile

_PIECE_S = 60.0  # charging begins and ends on whole minutes


class Device:
    """One device on its virtual clock.

    Attributes:
        now_s: seconds after midnight.
        celsius: its temperature.
        busy_until_s: when the work that it has begun is done.
    """

    def __init__(self, profile: Profile, start_s: float) -> None:
        """Start at rest, at the temperature of its surroundings."""
        self.profile, self.now_s, self.busy_until_s = profile, start_s, start_s
        self.celsius = profile.thermal.ambient_celsius

    def clock(self) -> float:
        """Return the time as Unix seconds, for a personal store."""
        return unix_time(self.now_s)

    @property
    def charging(self) -> bool:
        """Whether it hangs on its charger."""
        return self.profile.day.is_charging(self.now_s)

    @property
    def idle(self) -> bool:
        """Whether nobody uses it and it does nothing else."""
        return self.profile.day.is_idle(self.now_s) and self.now_s >= self.busy_until_s

    def wait_until(self, time_s: float) -> None:
        """Let time pass."""
        while self.now_s < time_s:
            seconds = min(_PIECE_S - self.now_s % _PIECE_S, time_s - self.now_s)
            self.celsius = self.profile.thermal.after(self.celsius, seconds, charging=self.charging)
            self.now_s += seconds

    def compute(self, host_seconds: float) -> float:
        """Compute what took this machine so long, between other things; returns the estimate for the device.

        The clock stands still, and the device is warm from it at once.
        """
        seconds = host_seconds * self.profile.slowdown
        self.celsius = self.profile.thermal.after(self.celsius, seconds, charging=self.charging, working=True)
        return seconds

    def work(self, host_seconds: float) -> float:
        """Compute and be busy until it is done; returns the estimate for the device."""
        seconds = self.compute(host_seconds)
        self.busy_until_s = self.now_s + seconds
        return seconds

    def why_not_adapt(self, since_last_s: float, new_labels: int) -> str | None:
        """Return what forbids an adaptation now, or None."""
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
