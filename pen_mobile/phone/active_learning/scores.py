"""Scores of query strategies: how informative the label of an observation would be; a higher score is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pen_mobile.phone.active_learning.observation import Observation, QueryHistory

Score = Callable[[Observation, QueryHistory, np.random.Generator], float]

_CELLS = 4  # of the range of labels, along each axis


def random(observation: Observation, history: QueryHistory, rng: np.random.Generator) -> float:
    """Return a random number, the baseline of all other scores."""
    return float(rng.random())


def disagreement(observation: Observation, history: QueryHistory, rng: np.random.Generator) -> float:
    """Return the variance of the experts under the gate: ``sum_e g_e |f_e(z) - f(z)|^2``."""
    mean = observation.gate @ observation.experts
    return float(observation.gate @ np.square(observation.experts - mean).sum(axis=1))


def gate_entropy(observation: Observation, history: QueryHistory, rng: np.random.Generator) -> float:
    """Return the entropy of the gate, ``- sum_e g_e log g_e``."""
    gate = np.maximum(observation.gate, np.finfo(np.float32).tiny)
    return float(-(gate * np.log(gate)).sum())


def k_centre(observation: Observation, history: QueryHistory, rng: np.random.Generator) -> float:
    """Return the distance to the nearest labelled feature (greedy k-centre, Gonzalez 1985); infinite at first."""
    if not history.features:
        return np.inf
    return float(np.linalg.norm(np.stack(history.features) - observation.z, axis=1).min())


def affect_coverage(observation: Observation, history: QueryHistory, rng: np.random.Generator) -> float:
    """Return minus the number of labels in the cell of the present estimates; a random number below 1 breaks ties."""
    labels = np.reshape(np.array(history.affect, np.float32), (-1, len(observation.affect)))
    in_cell = (_cell(labels) == _cell(observation.affect)).all(axis=1)
    return float(rng.random() - in_cell.sum())


def _cell(affect: np.ndarray) -> np.ndarray:
    return np.clip(np.floor((affect + 1) / 2 * _CELLS), 0, _CELLS - 1)


SCORES: dict[str, Score] = {
    "random": random,
    "disagreement": disagreement,
    "gate-entropy": gate_entropy,
    "k-centre": k_centre,
    "affect-coverage": affect_coverage,
}
"""The scores by their names on the command line."""
