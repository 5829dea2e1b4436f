"""A day as a phone lives it: moment by moment, it says, asks and adapts, and never looks ahead."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.errors import StoreFull
from pen_mobile.phone.active_learning.observation import Observation
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.simulation.day.day_trace import Attempt, Lived, Moments
from pen_mobile.simulation.day.device import Device
from pen_mobile.types import Floats

if TYPE_CHECKING:
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.runtime import BundleRuntime


BLOCK = 256
"""Moments estimated at once with the head in use."""


def live(
    phone: Phone,
    moments: Moments,
    device: Device,
    query_strategy: QueryStrategy,
    *,
    frame_host_seconds: float = 0.0,
    seed: int = 0,
    block: int = BLOCK,
    stopwatch: Callable[[], float] = time.perf_counter,
) -> Lived:
    """Live through the moments in order.

    At each: time passes; the phone adapts when its profile allows; it says what it sees; perhaps it asks, and keeps the
    answer. So an estimate is made before its label can be known, and an adaptation knows labels of the past only.

    Args:
        frame_host_seconds: what a frame costs this machine before the head, for the device's temperature.
        seed: of adaptations.
        block: moments that are estimated at once; the result does not depend on it.
        stopwatch: measures adaptations, in seconds.
    """
    day = _Day(phone, moments, device, query_strategy, frame_host_seconds, seed, block, stopwatch)
    for row in range(len(moments.time_s)):
        day.reach(row)
    return day.lived


class _Day:
    def __init__(
        self,
        phone: Phone,
        moments: Moments,
        device: Device,
        query_strategy: QueryStrategy,
        frame_host_seconds: float,
        seed: int,
        block: int,
        stopwatch: Callable[[], float],
    ) -> None:
        self._phone, self._moments, self._device, self._query_strategy = phone, moments, device, query_strategy
        self._frame_host_seconds, self._seed, self._stopwatch = frame_host_seconds, seed, stopwatch
        self._sight = _Sight(phone.runtime, moments.z, block)
        self._head = self._coming_head = phone.parameters
        self._last_attempt_s, self._known = -math.inf, 0
        count = len(moments.time_s)
        self.lived = Lived(np.empty((count, 2), np.float32), np.empty(count))

    def reach(self, row: int) -> None:
        """Let the day go on to one moment."""
        self._device.wait_until(float(self._moments.time_s[row]))
        self._take_new_head()
        self._adapt_if_allowed(row)
        affect, gate = self._sight.at(row, self._head)
        self._device.compute(self._frame_host_seconds)
        self.lived.said[row], self.lived.celsius[row] = affect, self._device.celsius
        moment = Observation(self._device.now_s, self._moments.z[row], affect, gate, self._head)
        if self._query_strategy.should_query(moment):
            self._ask(row)

    def _take_new_head(self) -> None:
        """Frames that come while the device still adapts are estimated with the old head."""
        if self._device.now_s >= self._device.busy_until_s:
            self._head = self._coming_head

    def _adapt_if_allowed(self, row: int) -> None:
        since_s = self._device.now_s - self._last_attempt_s
        if len(self.lived.asked) < self._phone.manifest.adaptation.min_labels:
            return
        if self._device.why_not_adapt(since_s, len(self.lived.asked) - self._known) is not None:
            return
        self._last_attempt_s, self._known = self._device.now_s, len(self.lived.asked)
        started = self._stopwatch()
        try:
            result = self._phone.adapt(seed=self._seed)
        except StoreFull as refusal:
            self.lived.refused.append(str(refusal))
            return
        host_seconds = self._stopwatch() - started
        began_s, device_seconds = self._device.now_s, self._device.work(host_seconds)
        self._coming_head = self._phone.parameters
        self._take_new_head()
        self.lived.attempts.append(
            Attempt(
                row,
                began_s,
                result.labels,
                result.accepted,
                result.reason,
                host_seconds,
                device_seconds,
                self._device.celsius,
            )
        )

    def _ask(self, row: int) -> None:
        z, answer = self._moments.z[row], self._moments.affect[row]
        try:
            self._phone.add_labels(z[None], answer[None])
        except StoreFull as refusal:
            self.lived.refused.append(str(refusal))
            return
        self._query_strategy.add_label(z, answer)
        self.lived.asked.append(row)


class _Sight:
    """What a head says, computed for a block of moments and thrown away when the head changes."""

    def __init__(self, runtime: BundleRuntime, z: Floats, block: int) -> None:
        self._runtime, self._z, self._block = runtime, z, block
        self._head: Floats | None = None
        self._start = 0
        self._affect = self._gate = np.empty((0, 0), np.float32)

    def at(self, row: int, head: Floats) -> tuple[Floats, Floats]:
        """Return affect ``[2]`` and gate ``[n_s]`` of one moment."""
        if head is not self._head or row >= self._start + len(self._affect):
            self._head, self._start = head, row
            self._affect, self._gate = self._runtime.predict(head, self._z[row : row + self._block])
        place = row - self._start
        return self._affect[place], self._gate[place]
