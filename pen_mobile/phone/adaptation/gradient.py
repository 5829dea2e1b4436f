"""Gradient steps on Eq. (8) with one of the bundle's optimizers, in the runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pen_mobile.contract.head_state import State, fresh_state
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import batch_order
from pen_mobile.types import Floats, Rows

_PAGE = 4096  # bytes


@dataclass(frozen=True)
class TrainerState:
    """The state of a training, with which it goes on after an interruption.

    Attributes:
        steps: optimizer steps so far; the next batch follows from it.
        state: parameters and slots.
        evaluations: how often :meth:`GradientTrainer.run` was called.
        seconds: spent on the steps.
    """

    steps: int
    state: State
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def parameters(self) -> Floats:
        """The head, ``[1, n_s (1 + K), D_z + 1]``."""
        return self.state[0]


class GradientTrainer:
    """Trains one head on some of the samples."""

    def __init__(self, context: AdaptationContext, rows: Rows) -> None:
        """Prepare the buffers of a call.

        Args:
            context: the inputs of the adaptation.
            rows: the samples to train on.
        """
        self._context, self._rows = context, rows
        self._part = context.trainer
        self._hyper = np.array(self._part.default_hyper(), np.float32)
        shape, samples = (self._part.steps, self._part.batch), context.samples
        self._z = _zeros_aligned_with(samples.features, (*shape, samples.features.shape[1]))
        self._y, self._weight = np.zeros((*shape, samples.labels.shape[1]), np.float32), np.zeros(shape, np.float32)

    def start(self) -> TrainerState:
        """Return the state before the first step."""
        return TrainerState(0, fresh_state(self._context.parameters, self._part))

    def run(self, state: TrainerState, before_call: Callable[[], None]) -> TrainerState:
        """Take the optimizer steps until the next evaluation.

        Args:
            state: where to start.
            before_call: called before every call of the program.
        """
        batches, values, started = self._batches(state.steps), state.state, time.perf_counter()
        steps = self._context.steps_of_an_evaluation
        for _ in range(steps // self._part.steps):
            before_call()
            for k in range(self._part.steps):
                self._gather(k, next(batches))
            optimizer = self._part.optimizer
            values, _ = self._context.runtime.train(optimizer, values, self._z, self._y, self._weight, self._hyper)
        seconds = state.seconds + time.perf_counter() - started
        return TrainerState(state.steps + steps, values, state.evaluations + 1, seconds)

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
        count, size = len(self._rows), self._part.batch
        epoch, skip = divmod(skip, -(-count // size))
        while True:
            order = self._rows[batch_order(count, epoch)]
            for start in range(skip * size, count, size):
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
