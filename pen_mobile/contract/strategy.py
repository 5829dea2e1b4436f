"""The ways to adapt a head to its owner: one name and one meaning for server, manifest, phone and reports."""

from __future__ import annotations

from enum import Enum

from pen_mobile.errors import BadInput
from pen_mobile.utils.suggestions import choices


class Strategy(str, Enum):
    """A way to adapt a head to one person's labels.

    A bundle can carry those of :data:`ON_PHONES`; the others exist in the protocol, for comparison.

    Attributes:
        PRIOR: posterior mean under the prior that was learned from the source people; closed form.
        GRADIENT: optimizer steps on the loss of Eq. (8), on gate and experts. The optimizer is a setting of its own.
        GATE: the same steps on the gate alone.
        OFFSET: the mean residual, shrunk, added to every expert's bias.
        RIDGE: ridge regression of all experts toward the shipped ones.
        OFFSET_RIDGE: the same with an intercept outside the penalty.
        PERSONAL_EXPERT: one more expert, fitted to the person's labels.
    """

    PRIOR = "prior"
    GRADIENT = "gradient"
    GATE = "gate"
    OFFSET = "offset"
    RIDGE = "ridge"
    OFFSET_RIDGE = "offset-ridge"
    PERSONAL_EXPERT = "personal-expert"

    def __str__(self) -> str:
        return self.value


ON_PHONES = (Strategy.PRIOR, Strategy.GRADIENT)
"""The strategies that a bundle can carry."""


def strategy_of(name: str) -> Strategy:
    """Return the strategy of that name.

    Args:
        name: one of the values of :class:`Strategy`.

    Raises:
        BadInput: there is no such strategy; the message names all.
    """
    try:
        return Strategy(name)
    except ValueError:
        raise BadInput(f"unknown strategy {name!r}; {choices(name, map(str, Strategy))}") from None
