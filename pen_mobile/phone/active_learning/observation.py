"""What a query strategy knows: the present observation, and the labels it has asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pen_mobile.types import Floats


@dataclass(frozen=True, eq=False)
class Observation:
    """One frame as the phone sees it.

    Attributes:
        time_s: when, seconds.
        z: feature ``[D_z]``.
        affect: estimates of the head in use, ``[K]``.
        gate: weight of every expert, ``[n_s]``.
        parameters: the head in use, ``[1, n_s (1 + K), D_z + 1]``: gate rows, then K for each expert; the last column
            is the bias.
    """

    time_s: float
    z: Floats
    affect: Floats
    gate: Floats
    parameters: Floats

    @cached_property
    def experts(self) -> Floats:
        """Estimates of every expert alone, ``[n_s, K]``."""
        rows = self.parameters[0, len(self.gate) :]
        estimates: Floats = (rows[:, :-1] @ self.z + rows[:, -1]).reshape(-1, len(self.affect))
        return estimates


@dataclass
class QueryHistory:
    """The questions so far.

    Attributes:
        features: one ``[D_z]`` for each.
        affect: the labels that the owner gave, ``[K]`` each.
    """

    features: list[Floats] = field(default_factory=list)
    affect: list[Floats] = field(default_factory=list)

    def add(self, z: Floats, affect: Floats) -> None:
        """Add one question and its label.

        Args:
            z: feature ``[D_z]``.
            affect: label ``[K]``.
        """
        self.features.append(z)
        self.affect.append(affect)
