"""A way to choose moments, with its memory: what a phone keeps while it watches its owner."""

from __future__ import annotations

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.active_learning.budget import Budget
from pen_mobile.phone.active_learning.observation import Asked, Moment
from pen_mobile.phone.active_learning.scores import SCORES
from pen_mobile.types import Floats


class Asker:
    """Decides moment by moment whether the owner is asked, within a budget.

    Attributes:
        asked: the questions so far.
    """

    def __init__(self, strategy: str, per_hour: float, seed: int = 0) -> None:
        """Start with nothing asked.

        Args:
            strategy: a name in :data:`SCORES`.
            per_hour: questions an hour.

        Raises:
            BadInput: there is no such strategy.
        """
        if strategy not in SCORES:
            raise BadInput(f"no way to ask {strategy!r}; there are {', '.join(SCORES)}")
        self.asked = Asked()
        self._score, self._budget, self._rng = SCORES[strategy], Budget(per_hour), np.random.default_rng([seed, 3])

    def wants(self, moment: Moment) -> bool:
        """Tell whether to ask about this moment; it must be later than all before."""
        return self._budget.wants(moment.time_s, self._score(moment, self.asked, self._rng))

    def hear(self, z: Floats, affect: Floats) -> None:
        """Note the answer to a question."""
        self.asked.add(z, affect)
