"""Ways to adapt by name, each from an owner's rows to a head; ``auto`` chooses among those that the bundle carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pen_mobile.contract.manifest import AdaptationPart, HeadPart
from pen_mobile.errors import BadInput
from pen_mobile.phone.adaptation.acceptance import rmse_of
from pen_mobile.phone.adaptation.blocks import Blocks
from pen_mobile.phone.adaptation.closed_form import OFFSET, ClosedForm
from pen_mobile.phone.adaptation.gradient import UNWATCHED, GradientDescent, Place, StopReason, Watcher
from pen_mobile.phone.adaptation.holdout import Split, cross_validation, hold_out
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows

AUTO = "auto"
NOTHING = "nothing"
_AUTO_FOLDS = 4


@dataclass(frozen=True)
class Fitted:
    """What a way made of some rows.

    Attributes:
        parameters: the new head; None when nothing was better than the one before.
        way: what was done, in words.
        steps: optimizer steps.
        stopped_by: what ended them; None for a closed form.
    """

    parameters: Floats | None
    way: str
    steps: int = 0
    stopped_by: StopReason | None = None


def check_strategy(head: HeadPart, strategy: str) -> None:
    """Refuse a strategy that a bundle does not carry.

    Raises:
        BadInput: with the names of those that it carries.
    """
    if strategy not in (*head.strategies, AUTO):
        raise BadInput(f"strategy {strategy!r} is not in this bundle; it carries {', '.join(head.strategies)} and auto")


class Ways:
    """The ways of one bundle with the labels of one owner, all starting from one head."""

    def __init__(
        self,
        runtime: BundleRuntime,
        parameters: Floats,
        samples: Samples,
        blocks: Blocks,
        plan: AdaptationPart,
        seed: int,
    ) -> None:
        self._runtime, self._parameters, self._samples, self._blocks = runtime, parameters, samples, blocks
        self._plan, self._seed = plan, seed
        self._head = runtime.bundle.manifest.head
        self._closed = None if self._head.ridge is None else ClosedForm(runtime, parameters, samples, blocks)

    def fit(
        self, rows: Rows, seconds: float | None = None, place: Place | None = None, watcher: Watcher = UNWATCHED
    ) -> Fitted:
        """Learn from some rows in the way that the plan names.

        Args:
            seconds: budget for gradient steps; None is no limit.
            place: where a training of these rows was interrupted.
            watcher: of a training with gradient steps.
        """
        strategy = self._plan.strategy
        if not len(rows):
            return Fitted(None, NOTHING)
        if strategy == AUTO:
            return self._auto(rows, seconds, watcher)
        if strategy in ("offset", "ridge"):
            return self._in_closed_form(rows, strategy)
        return self._by_steps(rows, strategy, seconds, place, watcher)

    def _in_closed_form(self, rows: Rows, strategy: str) -> Fitted:
        assert self._closed is not None
        looseness = OFFSET if strategy == "offset" else self._closed.best_looseness(rows, self._seed)[0]
        return self._with_looseness(rows, looseness)

    def _with_looseness(self, rows: Rows, looseness: float | None) -> Fitted:
        assert self._closed is not None
        if looseness is None:
            return Fitted(None, NOTHING)
        way = "offset" if looseness == OFFSET else f"ridge, looseness {looseness:g}"
        return Fitted(self._closed.fit(rows, looseness), way)

    def _by_steps(
        self, rows: Rows, optimizer: str, seconds: float | None, place: Place | None, watcher: Watcher
    ) -> Fitted:
        share = self._plan.held_out / 2
        inner = hold_out(self._blocks.of(rows), share / (1 - share), self._seed)
        part, split = self._head.trainer(optimizer), Split(rows[inner.learn], rows[inner.held])
        if not len(split.learn):
            return Fitted(None, NOTHING)
        training = GradientDescent(self._runtime, self._samples, split, part, self._plan, self._seed)
        end, reason = training.run(place or training.begin(self._parameters), seconds, watcher)
        return Fitted(end.best, optimizer, end.steps, reason)

    def _auto(self, rows: Rows, seconds: float | None, watcher: Watcher) -> Fitted:
        """Take what errs least on blocks left out: the head as it is, offset, ridge, or the first optimizer carried.

        One optimizer stands for all: they minimise the same loss.
        """
        optimizer = self._head.train[0].optimizer
        share = None if seconds is None else seconds / (_AUTO_FOLDS + 1)
        looseness: float | None = None
        if self._closed is None:
            least = self._error(self._predict(self._parameters, rows), rows)
        else:
            looseness, least = self._closed.best_looseness(rows, self._seed)
        steps = 0

        def by_steps(some: Rows) -> Fitted:
            nonlocal steps
            fitted = self._by_steps(some, optimizer, share, None, watcher)
            steps += fitted.steps
            return fitted

        if self._left_out_error(rows, by_steps) < least:
            fitted = by_steps(rows)
        elif self._closed is None:
            fitted = Fitted(None, NOTHING)
        else:
            fitted = self._with_looseness(rows, looseness)
        return Fitted(fitted.parameters, fitted.way, steps, fitted.stopped_by)

    def _left_out_error(self, rows: Rows, fit: Callable[[Rows], Fitted]) -> float:
        splits = cross_validation(self._blocks.of(rows), self._seed, _AUTO_FOLDS)
        if not splits:
            return np.inf
        estimates = []
        for split in splits:
            parameters = fit(rows[split.learn]).parameters
            estimates.append(self._predict(self._parameters if parameters is None else parameters, rows[split.held]))
        held = np.concatenate([rows[split.held] for split in splits])
        return self._error(np.concatenate(estimates), held)

    def _predict(self, parameters: Floats, rows: Rows) -> Floats:
        return self._runtime.predict(parameters, self._samples.features[rows])[0]

    def _error(self, estimate: Floats, rows: Rows) -> float:
        error = rmse_of(estimate, self._samples.labels[rows], self._samples.weight[rows])
        return error if np.isfinite(error) else np.inf
