"""How far an adaptation has come, as bytes that a store can keep: little-endian float32 and a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pen_mobile.contract.manifest import TrainPart
from pen_mobile.phone.adaptation.gradient import Place
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.types import Floats


@dataclass
class Course:
    """How far an adaptation has come.

    Attributes:
        after: what heads that did not see a sample say about it, ``[N, 2]``; NaN where no round has come to it.
        finished: rounds that are done.
        steps: optimizer steps in them.
        place: inside the round under way; None before its first step.
    """

    after: Floats
    finished: int = 0
    steps: int = 0
    place: Place | None = None

    @property
    def steps_so_far(self) -> int:
        """Optimizer steps, with those of the round under way."""
        return self.steps + (0 if self.place is None else self.place.steps)

    def finish_round(self, steps: int) -> None:
        """Note that a round is done, after so many optimizer steps."""
        self.finished, self.steps, self.place = self.finished + 1, self.steps + steps, None

    def as_checkpoint(self, inputs: str) -> Checkpoint:
        """Return what to keep."""
        place = self.place
        arrays = [self.after, *([] if place is None else place.state)]
        progress: dict[str, Any] = {"finished": self.finished, "steps": self.steps, "place": None}
        if place is not None:
            arrays += [] if place.best is None else [place.best]
            progress["place"] = {
                "steps": place.steps,
                "has_best": place.best is not None,
                "best_error": place.best_error if math.isfinite(place.best_error) else None,
                "looks_waited": place.looks_waited,
                "seconds": place.seconds,
            }
        blob = b"".join(np.ascontiguousarray(values, "<f4").tobytes() for values in arrays)
        return Checkpoint(inputs, progress, blob)


def course_of(checkpoint: Checkpoint, count: int, part: TrainPart | None) -> Course:
    """Return the course that a checkpoint of these inputs holds.

    Args:
        count: N, samples.
        part: the train method, for a strategy of gradient steps.
    """
    progress, place = checkpoint.progress, None
    shapes: list[tuple[int, ...]] = [(count, 2)]
    kept = progress["place"]
    if kept is not None and part is not None:
        shapes += [tensor.shape for tensor in part.state]
        shapes += [part.state[0].shape] if kept["has_best"] else []
    after, *state = _arrays(checkpoint.blob, shapes)
    if kept is not None and part is not None:
        best = state.pop() if kept["has_best"] else None
        error = math.inf if kept["best_error"] is None else kept["best_error"]
        place = Place(kept["steps"], state, best, error, kept["looks_waited"], kept["seconds"])
    return Course(after, progress["finished"], progress["steps"], place)


def _arrays(blob: bytes, shapes: list[tuple[int, ...]]) -> list[Floats]:
    values, found, start = np.frombuffer(blob, "<f4").astype(np.float32), [], 0
    for shape in shapes:
        size = math.prod(shape)
        found.append(values[start : start + size].reshape(shape))
        start += size
    return found
