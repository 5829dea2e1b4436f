"""A budget of questions an hour: decides when an observation comes, and never later."""

from __future__ import annotations

from collections import deque

import numpy as np

_RECENT_S = 3600.0  # older scores are not compared with
_RECENT = 4096  # scores kept at most
_SAVED = 2.0  # questions that can be saved up


class Budget:
    """Spends a number of questions an hour on the observations with the highest scores.

    Credit grows by the budget as time passes, up to 2 questions, and a question costs one: no hour has more than
    the budget and 2. With a credit of at least 1, an observation is chosen when its score is among the highest of the
    last hour, in a share of ``credit / (2 - credit) x budget / observations an hour``. With a credit of 2 any
    observation is chosen, so that no question is lost.
    """

    def __init__(self, per_hour: float) -> None:
        """Start without credit, so that the first question comes after some scores.

        Args:
            per_hour: questions an hour.
        """
        self.per_hour = per_hour
        self._credit = 0.0
        self._scores: deque[tuple[float, float]] = deque(maxlen=_RECENT)

    def should_query(self, time_s: float, score: float) -> bool:
        """Decide whether to ask now.

        Args:
            time_s: seconds; each call is later than the one before.
            score: of the present observation.
        """
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
        observations_an_hour = 3600 * max(len(times) - 1, 1) / elapsed
        urgency = self._credit / max(_SAVED - self._credit, 1e-9)
        share = min(1.0, urgency * self.per_hour / observations_an_hour)
        return float(np.quantile([score for _, score in self._scores], 1 - share, method="higher"))
