"""Synthetic people: appearances, and personal ways to show affect on a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from pen_mobile.data.appearance import Appearance
from pen_mobile.data.rendering import ACTIONS
from pen_mobile.data.table import Role
from pen_mobile.types import Doubles, Floats

# The mean over people. Rows are ACTIONS; columns are valence, arousal, and arousal while valence is negative
# (which tells tense brows from sad ones).
MEAN_GAIN = np.array(
    [
        [0.80, 0.05, 0.00],  # smile
        [0.08, 0.38, 0.00],  # mouth_open
        [0.00, 0.32, 0.00],  # eye_open
        [0.08, 0.45, -0.25],  # brow_raise
        [-0.10, 0.00, -0.80],  # brow_slant
    ]
)
MEAN_REST = np.array([0.05, 0.24, 0.72, 0.0, 0.05])
ACTION_RANGE = np.array([0.8, 0.36, 0.32, 0.45, 0.4])  # range in use; the unit in which individuals differ
ACTION_LIMITS = np.array([[-1.15, 1.15], [0.0, 1.0], [0.15, 1.25], [-1.1, 1.1], [-1.1, 1.1]])

# Deviations of individuals from it: large enough that a shared model is biased and mis-scaled for some people, small
# enough that valence and arousal can be told apart on each face.
GAIN_SPREAD = 0.35  # s.d. of the logarithm of a person's overall gain, for each column
ACTION_SPREAD = 0.30  # s.d. of the logarithm of each single gain around it
CROSS_TALK = 0.35  # s.d. of what leaks between valence and arousal, in units of ACTION_RANGE
REST_SPREAD = 0.40  # s.d. of the resting face, in the same unit
ASYMMETRY = 0.10  # s.d. of half the difference between left and right, in the same unit
WORST_CONDITION = 2.5  # people whose gain matrix is nearer to singular are drawn again


@dataclass(frozen=True, eq=False)
class Person:
    """One synthetic person: a face, and a personal way to show affect on it.

    Attributes:
        name: such as ``target-03``.
        role: source or target.
        look: appearance.
        gain: facial action per unit of valence, arousal, and arousal while valence is negative, float64 ``[5, 3]``.
        rest: the face at zero affect, float64 ``[5]``.
        asymmetry: added on image right and subtracted on image left, float64 ``[5]``.
        key: seed, role and number: where the random streams of the person start.
    """

    name: str
    role: Role
    look: Appearance
    gain: Doubles
    rest: Doubles
    asymmetry: Doubles
    key: tuple[int, int, int]

    def express(self, affect: Floats) -> Doubles:
        """Return the facial actions that show affect.

        Args:
            affect: valence and arousal, float32 ``[N, 2]``.

        Returns:
            Actions of image left and right in the order of ``ACTIONS``, float64 ``[N, 2, 5]``.
        """
        valence, arousal = affect.astype(np.float64).T
        terms = np.stack([valence, arousal, np.maximum(-valence, 0) * arousal], axis=1)
        both = self.rest + np.einsum("nk,ak->na", terms, self.gain)
        middle, half = ACTION_LIMITS.mean(axis=1), np.diff(ACTION_LIMITS)[:, 0] / 2
        sides = np.stack([both - self.asymmetry, both + self.asymmetry], axis=1)
        return cast(Doubles, middle + half * np.tanh((sides - middle) / half))


def draw_person(seed: int, role_number: int, role: Role, number: int) -> Person:
    """Draw one person, who does not depend on how many others there are.

    Args:
        seed: of everybody.
        role_number: place of the role among all roles.
        role: source or target.
        number: of the person within the role, from 1.
    """
    key = (seed, role_number, number)
    rng = np.random.default_rng([*key, 0])
    look = Appearance.drawn(rng)
    gain = _draw_gain(rng)
    while np.linalg.cond(gain[:, :2]) > WORST_CONDITION:
        gain = _draw_gain(rng)
    rest = MEAN_REST + REST_SPREAD * ACTION_RANGE * rng.standard_normal(len(ACTIONS))
    asymmetry = ASYMMETRY * ACTION_RANGE * rng.standard_normal(len(ACTIONS))
    return Person(f"{role}-{number:02d}", role, look, gain, rest, asymmetry, key)


def _draw_gain(rng: np.random.Generator) -> Doubles:
    strength = GAIN_SPREAD * rng.standard_normal(3) + ACTION_SPREAD * rng.standard_normal(MEAN_GAIN.shape)
    leak = CROSS_TALK * ACTION_RANGE[:, None] * rng.standard_normal((len(ACTIONS), 2))
    return MEAN_GAIN * np.exp(strength) + np.pad(leak, ((0, 0), (0, 1)))
