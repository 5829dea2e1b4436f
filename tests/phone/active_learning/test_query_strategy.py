"""Scores by hand, and a budget that is kept without looking ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.active_learning.budget import Budget
from pen_mobile.phone.active_learning.observation import Observation, QueryHistory
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.phone.active_learning.scores import SCORES

RNG = np.random.default_rng(0)


def moment(time_s: float = 0, z: tuple[float, ...] = (1, 2), affect: tuple[float, float] = (0.1, -0.3)) -> Observation:
    """Two experts on two features: the first says (z0, z1), the second (z0 + 1, -z1)."""
    gate = np.array([0.75, 0.25], np.float32)
    rows = [[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1], [0, -1, 0]]
    return Observation(
        time_s, np.array(z, np.float32), np.array(affect, np.float32), gate, np.array([rows], np.float32)
    )


def test_experts_are_read_from_the_packed_matrix() -> None:
    np.testing.assert_array_equal(moment().experts, [[1, 2], [2, -2]])


def test_disagreement_is_the_variance_under_the_gate() -> None:
    """Means 1.25 and 1: valence 0.75 x 0.25^2 + 0.25 x 0.75^2 = 0.1875, arousal 0.75 x 1 + 0.25 x 9 = 3."""
    assert SCORES["disagreement"](moment(), QueryHistory(), RNG) == pytest.approx(3.1875)


def test_gate_entropy() -> None:
    expected = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert SCORES["gate-entropy"](moment(), QueryHistory(), RNG) == pytest.approx(expected)


def test_k_centre_is_the_distance_to_what_was_asked() -> None:
    asked = QueryHistory()
    assert SCORES["k-centre"](moment(), asked, RNG) == math.inf
    asked.add(np.array([1, 5], np.float32), np.zeros(2, np.float32))
    asked.add(np.array([5, 5], np.float32), np.zeros(2, np.float32))
    assert SCORES["k-centre"](moment(), asked, RNG) == pytest.approx(3)


def test_affect_coverage_counts_answers_in_the_cell() -> None:
    """Cells are half a unit wide: (0.1, -0.3) lies with (0.4, -0.1) and not with (-0.1, -0.3)."""
    asked = QueryHistory()
    for affect in ((0.4, -0.1), (0.3, -0.4), (-0.1, -0.3)):
        asked.add(np.zeros(2, np.float32), np.array(affect, np.float32))
    score = SCORES["affect-coverage"](moment(), asked, np.random.default_rng(1))
    assert math.ceil(score) - 1 == -2
    assert -2 <= score < -1


def test_an_unknown_strategy_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"unknown query strategy 'best'; there are random, disagreement, gate-entropy"):
        QueryStrategy("best", 4)


@pytest.mark.parametrize("strategy", SCORES)
@pytest.mark.parametrize(("per_hour", "gap_s"), [(4, 190), (1, 60), (30, 1), (0.5, 600)])
def test_the_budget_is_kept_and_used(strategy: str, per_hour: float, gap_s: float) -> None:
    """Over 600 moments: never more than budget and two in an hour, and all but the last of what was allowed."""
    rng = np.random.default_rng(5)
    query_strategy, times = QueryStrategy(strategy, per_hour, seed=1), []
    for place in range(600):
        z, affect = rng.normal(size=2), rng.uniform(-1, 1, 2)
        now = moment(place * gap_s, tuple(z), tuple(affect))
        if query_strategy.should_query(now):
            query_strategy.add_label(now.z, now.affect)
            times.append(now.time_s)
    allowed = per_hour * 600 * gap_s / 3600
    assert 0.9 * allowed - 2 <= len(times) <= allowed
    within = [sum(begin <= other < begin + 3600 for other in times) for begin in times]
    assert max(within, default=0) <= per_hour + 2


def test_the_budget_prefers_what_promises_more() -> None:
    """Scores drawn at random: those asked about are higher than those not."""
    rng, budget = np.random.default_rng(2), Budget(4)
    scores = rng.random(2000)
    asked = np.array([budget.should_query(60.0 * place, score) for place, score in enumerate(scores)])
    assert scores[asked].mean() > 0.85 > 0.55 > scores[~asked].mean()


def test_nothing_is_decided_by_what_comes_later() -> None:
    scores = np.random.default_rng(3).random(300)
    first, second = Budget(4), Budget(4)
    decided = [first.should_query(60.0 * place, score) for place, score in enumerate(scores)]
    scores[200:] = 5
    again = [second.should_query(60.0 * place, score) for place, score in enumerate(scores)]
    assert decided[:200] == again[:200]
