"""One adaptation: hold labels out, train with the bundle's own program, accept only what does not get worse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.head_state import State, fresh_state
from pen_mobile.contract.manifest import AdaptationPart
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store import Samples

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Adaptation:
    """How an adaptation went.

    Attributes:
        accepted: whether the new state replaces the old one.
        reason: why, in words for the owner's history.
        labels: how many samples there were.
        trained_on: how many of them trained; the others were held out.
        error_before, error_after: RMSE over both dimensions on labels that neither trained nor decided
            when to stop; None when nothing was tried, or when it is not finite.
        steps: optimizer steps until training stopped.
        seconds: wall time.
    """

    accepted: bool
    reason: str
    labels: int
    trained_on: int = 0
    error_before: float | None = None
    error_after: float | None = None
    steps: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return asdict(self)


def adapt(
    runtime: BundleRuntime, parameters: Floats, samples: Samples, plan: AdaptationPart, seed: int = 0
) -> tuple[Adaptation, State | None]:
    """Train the head on the owner's samples, in the bundle's runtime.

    Args:
        parameters: where to start from, ``[1, 3 n_s, D_z + 1]``; optimizer slots start at zero.
        plan: how long, how much to hold out, and the margin of acceptance.
        seed: decides what is held out and the order of batches.

    Returns:
        What happened, and the new state when it was accepted. With a non-finite or worse result the
        caller keeps what it had.
    """
    count = len(samples.affect)
    if count < plan.min_labels:
        reason = f"{count} labels are too few to learn from and to check with; at least {plan.min_labels} are needed"
        return Adaptation(False, reason, count), None
    started = time.perf_counter()
    split = _split(count, plan.held_out, seed)
    trainer = _Trainer(runtime, samples, split, plan, seed)
    before = trainer.error(parameters, split.guard)
    state = trainer.train(fresh_state(parameters, runtime.bundle.manifest.head))
    after = before if state is None else trainer.error(state[0], split.guard)
    if state is None:
        accepted, reason = False, "no step of training was better on held-out labels; the old state stays"
    elif np.isfinite(after) and after <= before + plan.margin:
        accepted, reason = True, f"held-out error went from {before:.4f} to {after:.4f}"
    else:
        accepted, reason = False, f"held-out error would go from {before:.4f} to {after:.4f}; the old state stays"
    result = Adaptation(
        accepted,
        reason,
        labels=count,
        trained_on=len(split.train),
        error_before=_finite(before),
        error_after=_finite(after),
        steps=trainer.steps,
        seconds=round(time.perf_counter() - started, 4),
    )
    return result, state if accepted else None


def _finite(error: float) -> float | None:
    return error if np.isfinite(error) else None


@dataclass(frozen=True)
class _Split:
    """Rows that train, rows that decide when to stop, rows that decide whether to accept."""

    train: Rows
    stop: Rows
    guard: Rows


def _split(count: int, held_out: float, seed: int) -> _Split:
    order = np.random.default_rng([seed, 1]).permutation(count)
    held = max(2, round(count * held_out))
    return _Split(order[held:], order[: held // 2], order[held // 2 : held])


class _Trainer:
    """Training in the runtime with early stopping."""

    def __init__(
        self, runtime: BundleRuntime, samples: Samples, split: _Split, plan: AdaptationPart, seed: int
    ) -> None:
        self.runtime, self.samples, self.split, self.plan = runtime, samples, split, plan
        self.steps = 0
        self._part = runtime.bundle.manifest.head.train
        self._hyper = runtime.default_hyper()
        self._batches = self._endless_batches(np.random.default_rng([seed, 2]))
        shape = (self._part.steps, self._part.batch)
        self._z = np.zeros((*shape, samples.features.shape[1]), np.float32)
        self._y, self._weight = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)

    def error(self, parameters: Floats, rows: Rows) -> float:
        """Return the weighted RMSE over both dimensions on these rows; NaN or infinity when the head blew up."""
        affect, _ = self.runtime.predict(parameters, self.samples.features[rows])
        squared = np.mean((affect.astype(np.float64) - self.samples.affect[rows]) ** 2, axis=1)
        return float(np.sqrt(np.average(squared, weights=self.samples.weight[rows])))

    def train(self, state: State) -> State | None:
        """Return the state that did best on the stopping rows, or None when none beat the one given."""
        best: State | None = None
        best_error, waited = self.error(state[0], self.split.stop), 0
        while self.steps < self.plan.steps and waited < self.plan.patience:
            state = self._train_until(state, min(self.steps + self.plan.check_every, self.plan.steps))
            error = self.error(state[0], self.split.stop)
            if error < best_error:
                best, best_error, waited = state, error, 0
            else:
                waited += 1
        return best

    def _train_until(self, state: State, steps: int) -> State:
        while self.steps < steps:
            for k in range(self._part.steps):
                self._gather(k, next(self._batches))
            state, _ = self.runtime.train(state, self._z, self._y, self._weight, self._hyper)
            self.steps += self._part.steps
        return state

    def _gather(self, k: int, rows: Rows) -> None:
        """Fill step k of the call; the rest of a short batch keeps old values under weight 0."""
        count = len(rows)
        np.take(self.samples.features, rows, axis=0, out=self._z[k, :count])
        self._y[k, :count] = self.samples.affect[rows]
        self._weight[k, :count] = self.samples.weight[rows]
        self._weight[k, count:] = 0

    def _endless_batches(self, rng: np.random.Generator) -> Iterator[Rows]:
        while True:
            order = rng.permutation(self.split.train)
            for start in range(0, len(order), self._part.batch):
                yield order[start : start + self._part.batch]
