"""Record of one stage of training: its epochs, and which of them was the best."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class EpochLog:
    """One epoch of a stage.

    Attributes:
        validation_loss: mean loss over the validation samples after the epoch.
        seconds: time of its training steps.
        training_loss: mean loss of its batches; None for epoch 0, which is before training.
    """

    validation_loss: float
    seconds: float = 0.0
    training_loss: float | None = None


@dataclass
class StageLog:
    """How a stage went.

    Attributes:
        epochs: one entry per epoch; entry 0 is before training.
        best_epoch: the epoch whose weights were kept.
        steps: optimizer steps taken.
        finished: False while the stage can be resumed.
    """

    epochs: list[EpochLog] = field(default_factory=list)
    best_epoch: int = 0
    steps: int = 0
    finished: bool = False

    @property
    def best_loss(self) -> float:
        """Smallest validation loss so far."""
        return self.epochs[self.best_epoch].validation_loss

    def add(self, epoch: EpochLog) -> bool:
        """Append an epoch and return True when its weights are the ones to keep.

        Args:
            epoch: the next one.
        """
        self.epochs.append(epoch)
        better = len(self.epochs) == 1 or epoch.validation_loss < self.best_loss
        if better:
            self.best_epoch = len(self.epochs) - 1
        return better

    def stopped(self, patience: int | None) -> bool:
        """Tell whether the stage has waited long enough for a better epoch.

        Args:
            patience: epochs to wait; None waits for ever.
        """
        return patience is not None and len(self.epochs) - 1 - self.best_epoch >= patience
