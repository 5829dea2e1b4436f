"""What all stages of source learning share: settings, and the error of one that diverges."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName


@dataclass(frozen=True)
class StageSettings:
    """How one stage is optimised.

    Attributes:
        name: shown to the user and used for the checkpoint's file name.
        optimizer, learning_rate: see :mod:`pen_mobile.models.optimizers`; None is the optimizer's default.
        epochs: passes over the training samples at most.
        patience: stop after this many epochs without a better validation loss; None never stops early.
        max_steps: stop after this many steps; None has no limit.
        batch_size: samples a step.
        seed: decides the order of samples in every epoch.
        rate_key: key of LearningConfig that sets the learning rate, for messages.
    """

    name: str
    optimizer: OptimizerName
    learning_rate: float | None
    epochs: int
    patience: int | None
    max_steps: int | None
    batch_size: int
    seed: int
    rate_key: str = "learning_rate"

    @property
    def step_size(self) -> float:
        """The learning rate, resolved."""
        return OPTIMIZERS[self.optimizer].step_size(self.learning_rate)

    def steps_left(self, taken: int) -> int | None:
        """Return how many steps may follow; None without a limit.

        Args:
            taken: steps taken so far.
        """
        return None if self.max_steps is None else max(self.max_steps - taken, 0)


def diverged(settings: StageSettings, step: int) -> BadInput:
    """Return the error of a stage whose loss is not finite.

    Args:
        settings: of the stage.
        step: number of the step whose loss it was; 0 is before the first.
    """
    if step == 0:
        reason = "features, labels or initial weights are not finite, or too large to square"
        return BadInput(f"stage {settings.name}: the loss is not finite before the first step: {reason}")
    return BadInput(
        f"stage {settings.name} diverged at step {step}: the loss is not finite; "
        f"set a smaller {settings.rate_key} (it is {settings.step_size:g} with {settings.optimizer})"
    )
