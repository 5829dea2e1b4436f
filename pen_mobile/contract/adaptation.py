"""The adaptation in a manifest: how a phone adapts unless its app says otherwise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pen_mobile.contract.part import Count, OptimizerName, Part
from pen_mobile.contract.strategy import Strategy


class AdaptationPart(Part):
    """How a phone adapts unless its owner's app says otherwise.

    Attributes:
        strategy: one of those that the head carries.
        optimizer: of gradient steps; one of those that the head carries a train method for.
        steps: optimizer steps of one training at most.
        check_every: steps between looks at the held-out labels.
        patience: looks without improvement before stopping.
        held_out: share of the labels that never train; half of it decides when to stop, half whether to accept.
        min_labels: below this many labels the phone declines.
        margin: the new state is accepted when its held-out error is at most the old one's plus this.
        hold_out_from: below this many labels every label judges in its turn (cross-validation), and the head that is
            kept learned from all of them; from here on, labels are held out once.
        seconds: wall time of gradient steps at most, over all trainings; None is no limit.
        on_interrupt: whether the next adaptation goes on with one that was interrupted, or nothing of it is kept.
        save_seconds: a kill loses no more than so much training and ``check_every`` steps; 0 notes every look.
    """

    strategy: Literal[Strategy.PRIOR, Strategy.GRADIENT, Strategy.OFFSET_RIDGE]
    optimizer: OptimizerName
    steps: Count
    check_every: Count
    patience: Count
    held_out: Annotated[float, Field(gt=0, lt=1)]
    min_labels: Annotated[int, Field(ge=4, le=1 << 20)]
    margin: Annotated[float, Field(ge=0, le=1)]
    hold_out_from: Annotated[int, Field(ge=0, le=1 << 20)] = 120
    seconds: Annotated[float, Field(gt=0)] | None = None
    on_interrupt: Literal["resume", "discard"] = "resume"
    save_seconds: Annotated[float, Field(ge=0)] = 1.0
