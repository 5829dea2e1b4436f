"""Questions an hour: whether to ask now, decided when a moment comes and never taken back."""

from __future__ import annotations

from collections import deque

import numpy as np

_RECENT_S = 3600.0  # scores older than this say nothing about what is usual now
_RECENT = 4096  # scores kept at most
_SAVED = 2.0  # questions that can be saved up


class Budget:
    """Asks about the most promising moments, as many an hour as the owner allows.

    Credit grows by the budget as time passes, up to 2 questions, and a question costs one: no hour has more than
    the budget and 2. With a credit of at least 1, a moment is asked about when its score is among the highest of the
    last hour, in a share of ``credit / (2 - credit) x budget / moments an hour``: the more was saved up, the less it
    must promise, and with a credit of 2 anything will do, so that no question is lost.
    """

    def __init__(self, per_hour: float) -> None:
        """Start with no credit, so that the first question comes when something usual is known."""
        self.per_hour = per_hour
        self._credit = 0.0
        self._scores: deque[tuple[float, float]] = deque(maxlen=_RECENT)

    def wants(self, time_s: float, score: float) -> bool:
        """Tell whether to ask now; moments come in order of time."""
        self._earn(time_s)
        self._scores.append((time_s, score))
        if self._credit < 1 or score < self._threshold():
            return False
        self._credit -= 1
        return True

    def _earn(self, time_s: float) -> None:
        if self._scores:
            earned = (time_s - self._scores[-1][0]) * self.per_hour / 3600
            self._credit = min(self._credit + earned, _SAVED)
        while self._scores and self._scores[0][0] < time_s - _RECENT_S:
            self._scores.popleft()

    def _threshold(self) -> float:
        times = [when for when, _ in self._scores]
        elapsed = max(times[-1] - times[0], 1e-9)
        moments_an_hour = 3600 * max(len(times) - 1, 1) / elapsed
        urgency = self._credit / max(_SAVED - self._credit, 1e-9)
        share = min(1.0, urgency * self.per_hour / moments_an_hour)
        return float(np.quantile([score for _, score in self._scores], 1 - share, method="higher"))
