"""Gradient steps with one of the bundle's optimizers, stopped where labels kept apart get no better."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from pen_mobile.contract.head_state import State, fresh_state
from pen_mobile.contract.manifest import AdaptationPart, TrainPart
from pen_mobile.phone.adaptation.acceptance import rmse_of
from pen_mobile.phone.adaptation.blocks import spread
from pen_mobile.phone.adaptation.holdout import Split
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows

StopReason = Literal["patience", "steps", "seconds"]

_PAGE = 4096  # bytes
_MOST_WATCHED = 64  # stopping rows: more would make a look slower rather than wiser


@dataclass(frozen=True)
class Place:
    """Where training is: everything that it needs to go on, whenever it is interrupted.

    Attributes:
        steps: optimizer steps so far; which batch comes next follows from it.
        state: parameters and slots.
        best, best_error: parameters that did best on the stopping rows, None for those it began with.
        looks_waited: looks since then.
        seconds: spent on the steps.
    """

    steps: int
    state: State
    best: Floats | None
    best_error: float
    looks_waited: int = 0
    seconds: float = 0.0


class Watcher(NamedTuple):
    """Who is asked before every call whether to go on, and told of every look at the stopping rows."""

    before_step: Callable[[Place], None]
    after_look: Callable[[Place], None]


UNWATCHED = Watcher(lambda place: None, lambda place: None)


class GradientDescent:
    """Training of one head in the runtime on some rows, stopped by others."""

    def __init__(
        self, runtime: BundleRuntime, samples: Samples, split: Split, part: TrainPart, plan: AdaptationPart, seed: int
    ) -> None:
        self._runtime, self._samples, self._split, self._part, self._plan = runtime, samples, split, part, plan
        self._seed = seed
        self._hyper = np.array(part.default_hyper(), np.float32)
        shape = (part.steps, part.batch)
        self._z = _zeros_beside(samples.features, (*shape, samples.features.shape[1]))
        self._y, self._weight = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
        self._watched = spread(split.held, _MOST_WATCHED)
        self._watched_features = samples.features[self._watched]

    def begin(self, parameters: Floats) -> Place:
        """Return the place before the first step."""
        return Place(0, fresh_state(parameters, self._part), None, self._error(parameters))

    def run(self, place: Place, seconds: float | None, watcher: Watcher = UNWATCHED) -> tuple[Place, StopReason]:
        """Train from a place until a budget is spent or nothing gets better; returns where it ended, and why."""
        batches = self._batches(place.steps)
        spent, started = place.seconds, time.perf_counter()
        while (reason := self._why_stop(place, seconds)) is None:
            watcher.before_step(place)
            for k in range(self._part.steps):
                self._gather(k, next(batches))
            state, _ = self._runtime.train(
                self._part.optimizer, place.state, self._z, self._y, self._weight, self._hyper
            )
            now = spent + time.perf_counter() - started
            place = replace(place, steps=place.steps + self._part.steps, state=state, seconds=now)
            if self._is_time_to_look(place.steps):
                place = self._look(place)
                watcher.after_look(place)
        return (place if self._is_time_to_look(place.steps) else self._look(place)), reason

    def _why_stop(self, place: Place, seconds: float | None) -> StopReason | None:
        if place.looks_waited >= self._plan.patience:
            return "patience"
        if place.steps >= self._plan.steps:
            return "steps"
        return "seconds" if seconds is not None and place.seconds >= seconds else None

    def _is_time_to_look(self, steps: int) -> bool:
        return steps // self._plan.check_every > (steps - self._part.steps) // self._plan.check_every

    def _look(self, place: Place) -> Place:
        error = self._error(place.state[0])
        if error < place.best_error:
            return replace(place, best=place.state[0], best_error=error, looks_waited=0)
        return replace(place, looks_waited=place.looks_waited + 1)

    def _error(self, parameters: Floats) -> float:
        estimate, _ = self._runtime.predict(parameters, self._watched_features)
        return rmse_of(estimate, self._samples.labels[self._watched], self._samples.weight[self._watched])

    def _gather(self, k: int, rows: Rows) -> None:
        """Fill step k of the call; the rest of a short batch keeps old values under weight 0."""
        count = len(rows)
        # With the default mode, "raise", numpy gathers into a buffer first.
        np.take(self._samples.features, rows, axis=0, out=self._z[k, :count], mode="clip")
        self._y[k, :count] = self._samples.labels[rows]
        self._weight[k, :count] = self._samples.weight[rows]
        self._weight[k, count:] = 0

    def _batches(self, skip: int) -> Iterator[Rows]:
        """Yield batches without end, each epoch in an order of its own; the first ``skip`` are left out."""
        learn, size = self._split.learn, self._part.batch
        each = -(-len(learn) // size)
        epoch, skip = divmod(skip, each)
        while True:
            order = np.random.default_rng([self._seed, 3, epoch]).permutation(learn)
            for start in range(skip * size, len(order), size):
                yield order[start : start + size]
            epoch, skip = epoch + 1, 0


def _zeros_beside(source: Floats, shape: tuple[int, ...]) -> Floats:
    """Return zeros that begin at the same place of a memory page as ``source``, from which rows will be copied.

    Where a copy lies 16 bytes further on its page than the original, processors take every read for one of what was
    just written, and wait: gathering a batch took ten times as long.
    """
    count = int(np.prod(shape))
    room = np.zeros(count + _PAGE // 4, np.float32)
    skipped = (source.ctypes.data - room.ctypes.data) % _PAGE // 4
    return room[skipped : skipped + count].reshape(shape)
