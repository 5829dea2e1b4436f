"""What a phone knows when it decides whether to ask: this moment, and what it asked before."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pen_mobile.types import Floats


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame as the phone sees it.

    Attributes:
        time_s: when, seconds.
        z: feature ``[D_z]``.
        affect: what the phone says, ``[2]``.
        gate: weight of every expert, ``[n_s]``.
        parameters: the head that said it, ``[1, 3 n_s, D_z + 1]``: gate rows, then two for each expert; the last
            column is the bias.
    """

    time_s: float
    z: Floats
    affect: Floats
    gate: Floats
    parameters: Floats

    @cached_property
    def experts(self) -> Floats:
        """What every expert alone says, ``[n_s, 2]``."""
        rows = self.parameters[0, len(self.gate) :]
        said: Floats = (rows[:, :-1] @ self.z + rows[:, -1]).reshape(-1, 2)
        return said


@dataclass
class Asked:
    """The questions so far.

    Attributes:
        features: one ``[D_z]`` for each.
        affect: the owner's answers, ``[2]`` each.
    """

    features: list[Floats] = field(default_factory=list)
    affect: list[Floats] = field(default_factory=list)

    def add(self, z: Floats, affect: Floats) -> None:
        """Note a question and its answer."""
        self.features.append(z)
        self.affect.append(affect)
