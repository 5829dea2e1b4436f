"""What survives an interruption: saved now and then, taken up by the next adaptation with the same inputs."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Protocol

import numpy as np

from pen_mobile.contract.manifest import AdaptationPart
from pen_mobile.phone.adaptation.blocks import relative_times
from pen_mobile.phone.adaptation.trainer_state import Course, course_of
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats


class Desk(Protocol):
    """Where the checkpoint of one owner lies; there is one at most."""

    def load(self, inputs: str) -> Checkpoint | None:
        """Return it; its inputs are empty when they were others than these."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Put one there instead of what lies there."""
        ...

    def clear(self) -> None:
        """Take it away."""
        ...


class Work:
    """The work of one adaptation on a desk."""

    def __init__(
        self,
        desk: Desk | None,
        runtime: BundleRuntime,
        parameters: Floats,
        samples: Samples,
        plan: AdaptationPart,
        seed: int,
    ) -> None:
        self._desk, self._plan, self._count = desk, plan, len(samples.labels)
        head = runtime.bundle.manifest.head
        carried = [part.optimizer for part in head.train]
        self._part = head.trainer(plan.strategy) if plan.strategy in carried else None
        self._inputs = "" if desk is None else digest_of_inputs(runtime, parameters, samples, plan, seed)
        self._saved_at = time.perf_counter()

    @property
    def is_kept(self) -> bool:
        """Whether an interruption loses less than everything."""
        return self._desk is not None and self._plan.on_interrupt == "resume"

    def take_up(self) -> tuple[Course | None, str | None]:
        """Return what an interrupted adaptation left, or None; and why what it left is of no use."""
        left = None if self._desk is None else self._desk.load(self._inputs)
        if self._desk is None or left is None:
            return None, None
        if left.inputs == self._inputs and self.is_kept:
            return course_of(left, self._count, self._part), None
        self._desk.clear()
        why = "labels, head or plan are others now" if self.is_kept else "the recipe says so"
        return None, f"an interrupted adaptation was discarded: {why}"

    def save(self, course: Course) -> None:
        """Keep the course."""
        if self._desk is not None and self.is_kept:
            self._desk.save(course.as_checkpoint(self._inputs))
            self._saved_at = time.perf_counter()

    def save_now_and_then(self, course: Course) -> None:
        """Keep the course when the last time is long enough ago."""
        if time.perf_counter() - self._saved_at >= self._plan.save_seconds:
            self.save(course)


def digest_of_inputs(
    runtime: BundleRuntime, parameters: Floats, samples: Samples, plan: AdaptationPart, seed: int
) -> str:
    """Return SHA-256 of everything that decides the outcome of an adaptation."""
    manifest = runtime.bundle.manifest
    facts = [manifest.files[manifest.head.file].sha256, plan.model_dump_json(), seed]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for values in (parameters, samples.features, samples.labels, samples.weight, relative_times(samples)):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
