"""A query strategy: a score, a budget of questions, and the history of both."""

from __future__ import annotations

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.active_learning.budget import Budget
from pen_mobile.phone.active_learning.observation import Observation, QueryHistory
from pen_mobile.phone.active_learning.scores import SCORES
from pen_mobile.types import Floats
from pen_mobile.utils.suggestions import choices


class QueryStrategy:
    """Decides for each observation whether to ask the owner for a label, within a budget.

    Attributes:
        history: the questions so far.
    """

    def __init__(self, strategy: str, per_hour: float, seed: int = 0) -> None:
        """Start with an empty history.

        Args:
            strategy: a name in :data:`SCORES`.
            per_hour: questions an hour.
            seed: of scores that draw random numbers.

        Raises:
            BadInput: there is no such strategy.
        """
        if strategy not in SCORES:
            raise BadInput(f"unknown query strategy {strategy!r}; {choices(strategy, SCORES)}")
        self.history = QueryHistory()
        self._score, self._budget, self._rng = SCORES[strategy], Budget(per_hour), np.random.default_rng([seed, 3])

    def should_query(self, observation: Observation) -> bool:
        """Decide whether to ask for the label of an observation.

        Args:
            observation: the present one; it must be later than all before.
        """
        return self._budget.should_query(observation.time_s, self._score(observation, self.history, self._rng))

    def add_label(self, z: Floats, affect: Floats) -> None:
        """Add the label of a question to the history.

        Args:
            z: feature ``[D_z]``.
            affect: label ``[K]``.
        """
        self.history.add(z, affect)
