"""Saves the checkpoint of an adaptation now and then, and loads it for the next one with the same inputs."""

from __future__ import annotations

import time
from typing import Protocol

from pen_mobile.phone.adaptation.checkpoint import AdaptationCheckpoint
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.store.checkpoints import Checkpoint


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


class Checkpointer:
    """The checkpoint of one adaptation in a store, or none without a store."""

    def __init__(self, context: AdaptationContext, store: CheckpointStore | None) -> None:
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
            context = self._context
            part = context.runtime.bundle.manifest.head.trainer(context.plan.optimizer)
            return AdaptationCheckpoint.from_row(row, len(context.all_rows), part), None
        self._store.clear()
        why = "labels, head or plan are others now" if self.is_kept else "the recipe says so"
        return None, f"an interrupted adaptation was discarded: {why}"

    def save(self, checkpoint: AdaptationCheckpoint) -> None:
        """Save the checkpoint."""
        if self._store is not None and self.is_kept:
            self._store.save(checkpoint.to_row(self._inputs))
            self._saved_at = time.perf_counter()

    def save_periodically(self, checkpoint: AdaptationCheckpoint) -> None:
        """Save the checkpoint when the last one is older than the plan's ``save_seconds``."""
        if time.perf_counter() - self._saved_at >= self._context.plan.save_seconds:
            self.save(checkpoint)
