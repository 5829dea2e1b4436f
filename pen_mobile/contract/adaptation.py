"""The adaptation in a manifest: how a phone adapts unless its app says otherwise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pen_mobile.contract.limits import MAX_ADAPTATION_STEPS
from pen_mobile.contract.part import Count, OptimizerName, Part
from pen_mobile.contract.strategy import Strategy


class AdaptationPart(Part):
    """How a phone adapts unless its owner's app says otherwise.

    Attributes:
        strategy: one of those that the head carries.
        optimizer: of gradient steps; one of those that the head carries a train method for.
        steps: optimizer steps of one training at most, in whole evaluations, of which there is at least one.
        check_every: steps between evaluations on labels left out, rounded up to whole calls of the train method.
        seconds: wall time of gradient steps at most, over all trainings; None is no limit.
        on_interrupt: whether the next adaptation goes on with one that was interrupted, or nothing of it is kept.
        save_seconds: a kill loses no more than so much training and ``check_every`` steps; 0 saves every evaluation.
    """

    strategy: Literal[Strategy.PRIOR, Strategy.GRADIENT]
    optimizer: OptimizerName
    steps: Annotated[int, Field(ge=1, le=MAX_ADAPTATION_STEPS)]
    check_every: Count
    seconds: Annotated[float, Field(gt=0)] | None = None
    on_interrupt: Literal["resume", "discard"] = "resume"
    save_seconds: Annotated[float, Field(ge=0)] = 1.0
