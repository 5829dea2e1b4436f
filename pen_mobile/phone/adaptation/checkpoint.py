"""The checkpoint of an adaptation as bytes for a store: little-endian float32 and a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pen_mobile.contract.head import TrainPart
from pen_mobile.phone.adaptation.gradient import TrainerState
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.types import Floats


@dataclass
class AdaptationCheckpoint:
    """The progress of one adaptation.

    Attributes:
        estimates: of heads that were not trained on a sample, ``[N, 2]``; those of the head in use where no fold has
            reached it.
        finished: folds that are done.
        steps: optimizer steps in them.
        trainer: inside the fold under way; None before its first step.
    """

    estimates: Floats
    finished: int = 0
    steps: int = 0
    trainer: TrainerState | None = None

    @property
    def steps_so_far(self) -> int:
        """Optimizer steps, with those of the fold under way."""
        return self.steps + (0 if self.trainer is None else self.trainer.steps)

    def finish_fold(self, steps: int) -> None:
        """Count a fold as done, after so many optimizer steps."""
        self.finished, self.steps, self.trainer = self.finished + 1, self.steps + steps, None

    def to_row(self, inputs: str) -> Checkpoint:
        """Return the row to store.

        Args:
            inputs: digest of the inputs of the adaptation.
        """
        trainer = self.trainer
        arrays = [self.estimates, *([] if trainer is None else trainer.state)]
        progress: dict[str, Any] = {"finished": self.finished, "steps": self.steps, "trainer": None}
        if trainer is not None:
            arrays += [] if trainer.best is None else [trainer.best]
            progress["trainer"] = {
                "steps": trainer.steps,
                "has_best": trainer.best is not None,
                "best_error": trainer.best_error if math.isfinite(trainer.best_error) else None,
                "evaluations_waited": trainer.evaluations_waited,
                "seconds": trainer.seconds,
            }
        blob = b"".join(np.ascontiguousarray(values, "<f4").tobytes() for values in arrays)
        return Checkpoint(inputs, progress, blob)

    @classmethod
    def from_row(cls, row: Checkpoint, count: int, part: TrainPart) -> AdaptationCheckpoint:
        """Return the checkpoint of a stored row.

        Args:
            row: made by :meth:`to_row` with the same inputs.
            count: N, samples.
            part: the train method.
        """
        kept, trainer = row.progress["trainer"], None
        shapes: list[tuple[int, ...]] = [(count, 2)]
        if kept is not None:
            shapes += [tensor.shape for tensor in part.state]
            shapes += [part.state[0].shape] if kept["has_best"] else []
        estimates, *state = _arrays(row.blob, shapes)
        if kept is not None:
            best = state.pop() if kept["has_best"] else None
            error = math.inf if kept["best_error"] is None else kept["best_error"]
            trainer = TrainerState(kept["steps"], state, best, error, kept["evaluations_waited"], kept["seconds"])
        return cls(estimates, row.progress["finished"], row.progress["steps"], trainer)


def _arrays(blob: bytes, shapes: list[tuple[int, ...]]) -> list[Floats]:
    values, found, start = np.frombuffer(blob, "<f4").astype(np.float32), [], 0
    for shape in shapes:
        size = math.prod(shape)
        found.append(values[start : start + size].reshape(shape))
        start += size
    return found
