"""Gradient steps with one of the bundle's optimizers, stopped where the error on rows kept apart falls no further."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from pen_mobile.contract.head import TrainPart
from pen_mobile.contract.head_state import State, fresh_state
from pen_mobile.phone.adaptation.blocks import evenly_spaced
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import Split
from pen_mobile.types import Floats, Rows

StopReason = Literal["patience", "steps", "seconds"]

_PAGE = 4096  # bytes
_MOST_EVALUATED = 64  # stopping rows: more would make an evaluation slower rather than better


@dataclass(frozen=True)
class TrainerState:
    """The state of a training, with which it goes on after an interruption.

    Attributes:
        steps: optimizer steps so far; the next batch follows from it.
        state: parameters and slots.
        best, best_error: parameters with the least error on the stopping rows, None for those it began with.
        evaluations_waited: evaluations since then.
        seconds: spent on the steps.
    """

    steps: int
    state: State
    best: Floats | None
    best_error: float
    evaluations_waited: int = 0
    seconds: float = 0.0


class TrainerCallbacks(NamedTuple):
    """Functions that a training calls: before every call of the program, and after every evaluation."""

    before_step: Callable[[TrainerState], None]
    after_evaluation: Callable[[TrainerState], None]


NO_CALLBACKS = TrainerCallbacks(lambda state: None, lambda state: None)


class GradientTrainer:
    """Trains one head in the runtime on some rows, and stops by others."""

    def __init__(self, context: AdaptationContext, split: Split, part: TrainPart) -> None:
        """Prepare the buffers of a call.

        Args:
            context: the inputs of the adaptation.
            split: rows to train on, and the stopping rows.
            part: the train method.
        """
        self._context, self._split, self._part = context, split, part
        self._hyper = np.array(part.default_hyper(), np.float32)
        shape, features = (part.steps, part.batch), context.samples.features
        self._z = _zeros_aligned_with(features, (*shape, features.shape[1]))
        self._y, self._weight = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
        self._stopping_rows = evenly_spaced(split.held_out, _MOST_EVALUATED)

    def start(self) -> TrainerState:
        """Return the state before the first step."""
        parameters = self._context.parameters
        return TrainerState(0, fresh_state(parameters, self._part), None, self._error(parameters))

    def run(
        self, state: TrainerState, seconds: float | None, callbacks: TrainerCallbacks = NO_CALLBACKS
    ) -> tuple[TrainerState, StopReason]:
        """Train until a budget is spent or the error on the stopping rows falls no further.

        Args:
            state: where to start.
            seconds: budget of this training, wall time; None is no limit.
            callbacks: called before every step and after every evaluation.

        Returns:
            The state at the end, and what ended the training.
        """
        batches = self._batches(state.steps)
        spent, started = state.seconds, time.perf_counter()
        while (reason := self._stop_reason(state, seconds)) is None:
            callbacks.before_step(state)
            for k in range(self._part.steps):
                self._gather(k, next(batches))
            values, _ = self._context.runtime.train(
                self._part.optimizer, state.state, self._z, self._y, self._weight, self._hyper
            )
            now = spent + time.perf_counter() - started
            state = replace(state, steps=state.steps + self._part.steps, state=values, seconds=now)
            if self._is_evaluation_due(state.steps):
                state = self._evaluate(state)
                callbacks.after_evaluation(state)
        return (state if self._is_evaluation_due(state.steps) else self._evaluate(state)), reason

    def _stop_reason(self, state: TrainerState, seconds: float | None) -> StopReason | None:
        plan = self._context.plan
        if state.evaluations_waited >= plan.patience:
            return "patience"
        if state.steps >= plan.steps:
            return "steps"
        return "seconds" if seconds is not None and state.seconds >= seconds else None

    def _is_evaluation_due(self, steps: int) -> bool:
        every = self._context.plan.check_every
        return steps // every > (steps - self._part.steps) // every

    def _evaluate(self, state: TrainerState) -> TrainerState:
        error = self._error(state.state[0])
        if error < state.best_error:
            return replace(state, best=state.state[0], best_error=error, evaluations_waited=0)
        return replace(state, evaluations_waited=state.evaluations_waited + 1)

    def _error(self, parameters: Floats) -> float:
        rows = self._stopping_rows
        return self._context.error(self._context.predict(parameters, rows), rows)

    def _gather(self, k: int, rows: Rows) -> None:
        """Fill step k of the call; the rest of a short batch keeps old values under weight 0."""
        samples, count = self._context.samples, len(rows)
        # With the default mode, "raise", numpy gathers into a buffer first.
        np.take(samples.features, rows, axis=0, out=self._z[k, :count], mode="clip")
        self._y[k, :count] = samples.labels[rows]
        self._weight[k, :count] = samples.weight[rows]
        self._weight[k, count:] = 0

    def _batches(self, skip: int) -> Iterator[Rows]:
        """Yield batches without end, each epoch in an order of its own; the first ``skip`` are left out."""
        train, size = self._split.train, self._part.batch
        each = -(-len(train) // size)
        epoch, skip = divmod(skip, each)
        while True:
            order = np.random.default_rng([self._context.seed, 3, epoch]).permutation(train)
            for start in range(skip * size, len(order), size):
                yield order[start : start + size]
            epoch, skip = epoch + 1, 0


def _zeros_aligned_with(source: Floats, shape: tuple[int, ...]) -> Floats:
    """Return zeros that begin at the same place of a memory page as ``source``, from which rows will be copied.

    Where a copy lies 16 bytes further on its page than the original, processors take every read for one of what was
    just written, and wait: gathering a batch took ten times as long.
    """
    count = int(np.prod(shape))
    room = np.zeros(count + _PAGE // 4, np.float32)
    skipped = (source.ctypes.data - room.ctypes.data) % _PAGE // 4
    return room[skipped : skipped + count].reshape(shape)
