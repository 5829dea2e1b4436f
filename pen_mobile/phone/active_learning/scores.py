"""How much the owner's answer about a moment promises: one number, higher is better, from what is known by then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pen_mobile.phone.active_learning.observation import Asked, Moment

Score = Callable[[Moment, Asked, np.random.Generator], float]

_CELLS = 4  # of the affect plane, along each axis


def by_chance(moment: Moment, asked: Asked, rng: np.random.Generator) -> float:
    """Return a random number: what every other score has to beat."""
    return float(rng.random())


def disagreement(moment: Moment, asked: Asked, rng: np.random.Generator) -> float:
    """Return how far the experts lie apart under the gate: ``sum_e g_e |f_e(z) - f(z)|^2``."""
    mean = moment.gate @ moment.experts
    return float(moment.gate @ np.square(moment.experts - mean).sum(axis=1))


def gate_entropy(moment: Moment, asked: Asked, rng: np.random.Generator) -> float:
    """Return ``- sum_e g_e log g_e``: high when the gate does not know whom the owner is like."""
    gate = np.maximum(moment.gate, np.finfo(np.float32).tiny)
    return float(-(gate * np.log(gate)).sum())


def k_centre(moment: Moment, asked: Asked, rng: np.random.Generator) -> float:
    """Return the distance to the nearest feature asked about (greedy k-centre, Gonzalez 1985); infinite at first."""
    if not asked.features:
        return np.inf
    return float(np.linalg.norm(np.stack(asked.features) - moment.z, axis=1).min())


def affect_coverage(moment: Moment, asked: Asked, rng: np.random.Generator) -> float:
    """Return minus the number of answers in the cell of the affect plane where the phone believes this moment to be.

    Cells with equally many answers are told apart by chance.
    """
    answers = np.reshape(np.array(asked.affect, np.float32), (-1, 2))
    there = (_cell(answers) == _cell(moment.affect)).all(axis=1)
    return float(rng.random() - there.sum())


def _cell(affect: np.ndarray) -> np.ndarray:
    return np.clip(np.floor((affect + 1) / 2 * _CELLS), 0, _CELLS - 1)


SCORES: dict[str, Score] = {
    "random": by_chance,
    "disagreement": disagreement,
    "gate-entropy": gate_entropy,
    "k-centre": k_centre,
    "affect-coverage": affect_coverage,
}
"""The strategies by the names that the command line knows."""
