"""Replay of one person's day on a phone: predict, ask and adapt in order of time, without future labels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.errors import StoreFull
from pen_mobile.phone.active_learning.observation import Observation
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.simulation.day_trace import AdaptationAttempt, DayTrace, Moments
from pen_mobile.simulation.device import Device
from pen_mobile.types import Floats

if TYPE_CHECKING:
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.runtime import BundleRuntime


BLOCK = 256
"""Moments that are predicted in one call with the active head."""


def replay(
    phone: Phone,
    moments: Moments,
    device: Device,
    query_strategy: QueryStrategy,
    *,
    frame_host_seconds: float = 0.0,
    block: int = BLOCK,
    stopwatch: Callable[[], float] = time.perf_counter,
) -> DayTrace:
    """Replay all moments in order on one phone.

    At each moment the clock moves on, the phone adapts if the device's profile allows it, it predicts, and it may ask
    for the label. So every prediction is made before its label can be known, and an adaptation knows past labels only.

    Args:
        phone: the phone, with its store.
        moments: the person's frames and labels.
        device: clock, temperature and rules of the device.
        query_strategy: query strategy with its budget.
        frame_host_seconds: time of one frame on this machine before the head, for the device's temperature.
        block: moments that are predicted in one call; the result does not depend on it.
        stopwatch: clock that measures adaptations, in seconds.

    Returns:
        Predictions, queries, adaptations and temperatures.
    """
    day = _DayReplay(phone, moments, device, query_strategy, frame_host_seconds, block, stopwatch)
    for row in range(len(moments)):
        day.advance_to(row)
    return day.trace


class _DayReplay:
    def __init__(
        self,
        phone: Phone,
        moments: Moments,
        device: Device,
        query_strategy: QueryStrategy,
        frame_host_seconds: float,
        block: int,
        stopwatch: Callable[[], float],
    ) -> None:
        self._phone, self._moments, self._device, self._query_strategy = phone, moments, device, query_strategy
        self._frame_host_seconds, self._stopwatch = frame_host_seconds, stopwatch
        self._predictions = PredictionCache(phone.runtime, moments.z, block)
        self._head = self._next_head = phone.parameters
        self._last_attempt_s, self._used_labels = -math.inf, 0
        self.trace = DayTrace.empty(*moments.affect.shape)

    def advance_to(self, row: int) -> None:
        """Move the day on to one moment."""
        self._device.wait_until(float(self._moments.time_s[row]))
        self._activate_new_head()
        if self._may_adapt():
            self._adapt(row)
        affect, gate = self._predictions.at(row, self._head)
        self._device.compute(self._frame_host_seconds)
        self.trace.predictions[row], self.trace.celsius[row] = affect, self._device.celsius
        observation = Observation(self._device.now_s, self._moments.z[row], affect, gate, self._head)
        if self._query_strategy.should_query(observation):
            self._query(row)

    def _activate_new_head(self) -> None:
        """Take a new head into use once its adaptation is over; frames during the adaptation use the old one."""
        if self._device.now_s >= self._device.busy_until_s:
            self._head = self._next_head

    def _may_adapt(self) -> bool:
        labels, since_s = len(self.trace.queries), self._device.now_s - self._last_attempt_s
        return labels > 0 and self._device.why_not_adapt(since_s, labels - self._used_labels) is None

    def _adapt(self, row: int) -> None:
        self._last_attempt_s, self._used_labels = self._device.now_s, len(self.trace.queries)
        started = self._stopwatch()
        try:
            result = self._phone.adapt()
        except StoreFull as refusal:
            self.trace.refused.append(str(refusal))
            return
        host_seconds = self._stopwatch() - started
        began_s, device_seconds = self._device.now_s, self._device.work(host_seconds)
        self._next_head = self._phone.parameters
        self._activate_new_head()
        self.trace.attempts.append(
            AdaptationAttempt(
                moment=row,
                time_s=began_s,
                labels=result.labels,
                accepted=result.accepted,
                reason=result.reason,
                host_seconds=host_seconds,
                device_seconds=device_seconds,
                celsius=self._device.celsius,
            )
        )

    def _query(self, row: int) -> None:
        z, answer = self._moments.z[row], self._moments.affect[row]
        try:
            self._phone.add_labels(z[None], self._phone.manifest.labelling.to_labels(answer[None]))
        except StoreFull as refusal:
            self.trace.refused.append(str(refusal))
            return
        self._query_strategy.add_label(z, answer)
        self.trace.queries.append(row)


class PredictionCache:
    """Predictions of one head for a block of moments, dropped when the head changes."""

    def __init__(self, runtime: BundleRuntime, z: Floats, block: int) -> None:
        """Start empty.

        Args:
            runtime: runtime of the bundle's programs.
            z: features of all moments, ``[N, D_z]``.
            block: moments that are predicted in one call.
        """
        self._runtime, self._z, self._block = runtime, z, block
        self._head: Floats | None = None
        self._start = 0
        self._affect = self._gate = np.empty((0, 0), np.float32)

    def at(self, row: int, head: Floats) -> tuple[Floats, Floats]:
        """Return the prediction of one moment.

        Args:
            row: the moment; rows must not decrease from call to call.
            head: head parameters; another array than in the call before empties the cache.

        Returns:
            Affect ``[K]`` and gate weights ``[n_s]``.
        """
        if head is not self._head or row >= self._start + len(self._affect):
            self._head, self._start = head, row
            self._affect, self._gate = self._runtime.predict(head, self._z[row : row + self._block])
        place = row - self._start
        return self._affect[place], self._gate[place]
