"""The checkpoint of an adaptation: progress in memory, and as the row of a store."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.gradient import TrainerState
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.types import Floats

_NUMBERS = ("steps", "evaluations", "seconds")


class CheckpointStore(Protocol):
    """Holds at most one checkpoint of one owner."""

    def load(self, inputs: str) -> Checkpoint | None:
        """Return the checkpoint; its inputs are empty when they were others than these."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        ...

    def clear(self) -> None:
        """Delete the checkpoint."""
        ...


@dataclass
class AdaptationCheckpoint:
    """The progress of one adaptation by gradient steps.

    Attributes:
        errors: weighted sums of squares on held-out samples, ``[E + 1, F, K]``: before the first step and after each
            evaluation, by fold and target; 0 where a fold has not come to it.
        finished: folds that are done.
        steps: optimizer steps in them.
        trainer: inside the fold under way; None before its first evaluation.
    """

    errors: Floats
    finished: int = 0
    steps: int = 0
    trainer: TrainerState | None = None

    @property
    def steps_so_far(self) -> int:
        """Optimizer steps, with those of the fold under way."""
        return self.steps + (0 if self.trainer is None else self.trainer.steps)

    def finish_fold(self) -> None:
        """Count the fold under way as done."""
        self.finished, self.steps, self.trainer = self.finished + 1, self.steps_so_far, None


class Checkpointer:
    """Saves the checkpoint of one adaptation now and then, and loads it for the next one with the same inputs."""

    def __init__(self, context: AdaptationContext, store: CheckpointStore | None) -> None:
        """Compute the digest of the inputs.

        Args:
            context: the inputs.
            store: of the checkpoint; None keeps none.
        """
        self._context, self._store = context, store
        self._inputs = "" if store is None else context.digest()
        self._saved_at = time.perf_counter()

    @property
    def is_kept(self) -> bool:
        """Whether the next adaptation can go on from a checkpoint."""
        return self._store is not None and self._context.plan.on_interrupt == "resume"

    def load(self) -> tuple[AdaptationCheckpoint | None, str | None]:
        """Return the checkpoint of an interrupted adaptation, or None; and why one was discarded."""
        row = None if self._store is None else self._store.load(self._inputs)
        if self._store is None or row is None:
            return None, None
        if row.inputs == self._inputs and self.is_kept:
            return self._from_row(row), None
        self._store.clear()
        why = "labels, head or plan are others now" if self.is_kept else "the recipe says so"
        return None, f"an interrupted adaptation was discarded: {why}"

    def save(self, checkpoint: AdaptationCheckpoint) -> None:
        """Save the checkpoint.

        Args:
            checkpoint: replaces the one before.
        """
        if self._store is not None and self.is_kept:
            self._store.save(_to_row(checkpoint, self._inputs))
            self._saved_at = time.perf_counter()

    def save_periodically(self, checkpoint: AdaptationCheckpoint) -> None:
        """Save the checkpoint when the last one is older than the plan's ``save_seconds``.

        Args:
            checkpoint: replaces the one before.
        """
        if time.perf_counter() - self._saved_at >= self._context.plan.save_seconds:
            self.save(checkpoint)

    def _from_row(self, row: Checkpoint) -> AdaptationCheckpoint:
        progress, trainer = row.progress, None
        part = self._context.trainer
        shapes = [tuple(progress["errors"])]
        if progress["trainer"] is not None:
            shapes += [tensor.shape for tensor in part.state]
        errors, *state = _arrays(row.blob, shapes)
        if progress["trainer"] is not None:
            trainer = TrainerState(state=state, **progress["trainer"])
        return AdaptationCheckpoint(errors, progress["finished"], progress["steps"], trainer)


def _to_row(checkpoint: AdaptationCheckpoint, inputs: str) -> Checkpoint:
    """Return the row: float32, little-endian, errors first, then parameters and slots."""
    trainer = checkpoint.trainer
    arrays = [checkpoint.errors, *([] if trainer is None else trainer.state)]
    progress: dict[str, Any] = {
        "errors": list(checkpoint.errors.shape),
        "finished": checkpoint.finished,
        "steps": checkpoint.steps,
        "trainer": None if trainer is None else {name: getattr(trainer, name) for name in _NUMBERS},
    }
    blob = b"".join(np.ascontiguousarray(values, "<f4").tobytes() for values in arrays)
    return Checkpoint(inputs, progress, blob)


def _arrays(blob: bytes, shapes: list[tuple[int, ...]]) -> list[Floats]:
    values, found, start = np.frombuffer(blob, "<f4").astype(np.float32), [], 0
    for shape in shapes:
        size = math.prod(shape)
        found.append(values[start : start + size].reshape(shape))
        start += size
    return found
