"""The strategies of a bundle, each from some rows to a head; ``auto`` chooses among those that the bundle carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pen_mobile.contract.manifest import HeadPart
from pen_mobile.errors import BadInput
from pen_mobile.phone.adaptation.closed_form import OFFSET, ClosedForm
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import Split, cross_validation, hold_out
from pen_mobile.phone.adaptation.gradient import (
    NO_CALLBACKS,
    GradientTrainer,
    StopReason,
    TrainerCallbacks,
    TrainerState,
)
from pen_mobile.types import Floats, Rows

AUTO = "auto"
NOTHING = "nothing"
_AUTO_FOLDS = 4


@dataclass(frozen=True)
class Fit:
    """The result of a strategy on some rows.

    Attributes:
        parameters: the new head; None when nothing was better than the one before.
        method: what was done, in words.
        steps: optimizer steps.
        stopped_by: what ended them; None for a closed form.
    """

    parameters: Floats | None
    method: str
    steps: int = 0
    stopped_by: StopReason | None = None


def check_strategy(head: HeadPart, strategy: str) -> None:
    """Refuse a strategy that a bundle does not carry.

    Raises:
        BadInput: with the names of those that it carries.
    """
    if strategy not in (*head.strategies, AUTO):
        raise BadInput(f"strategy {strategy!r} is not in this bundle; it carries {', '.join(head.strategies)} and auto")


class Fitter:
    """Fits heads to some of the owner's rows by the strategy of the plan."""

    def __init__(self, context: AdaptationContext) -> None:
        self._context, self._head = context, context.runtime.bundle.manifest.head
        self._closed = None if self._head.ridge is None else ClosedForm(context, self._head.ridge)

    def fit(
        self,
        rows: Rows,
        seconds: float | None = None,
        state: TrainerState | None = None,
        callbacks: TrainerCallbacks = NO_CALLBACKS,
    ) -> Fit:
        """Fit a head to some rows.

        Args:
            rows: row numbers ``[M]``.
            seconds: budget for gradient steps; None is no limit.
            state: where a training on these rows was interrupted.
            callbacks: of a training with gradient steps.
        """
        strategy = self._context.plan.strategy
        if not len(rows):
            return Fit(None, NOTHING)
        if strategy == AUTO:
            return self._fit_automatically(rows, seconds, callbacks)
        if self._closed is not None and strategy in ("offset", "ridge"):
            choice = OFFSET if strategy == "offset" else self._closed.choose_regularization(rows)[0]
            return _fit_in_closed_form(self._closed, rows, choice)
        return self._fit_by_steps(rows, strategy, seconds, state, callbacks)

    def _fit_by_steps(
        self, rows: Rows, optimizer: str, seconds: float | None, state: TrainerState | None, callbacks: TrainerCallbacks
    ) -> Fit:
        context = self._context
        share = context.plan.held_out / 2
        inner = hold_out(context.blocks.of(rows), share / (1 - share), context.seed)
        split = Split(rows[inner.train], rows[inner.held_out])
        if not len(split.train):
            return Fit(None, NOTHING)
        trainer = GradientTrainer(context, split, self._head.trainer(optimizer))
        end, reason = trainer.run(state or trainer.start(), seconds, callbacks)
        return Fit(end.best, optimizer, end.steps, reason)

    def _fit_automatically(self, rows: Rows, seconds: float | None, callbacks: TrainerCallbacks) -> Fit:
        """Take what has the least cross-validated error: the head as it is, a closed form, or the first optimizer.

        One optimizer stands for all: they minimise the same loss.
        """
        optimizer = self._head.train[0].optimizer
        share = None if seconds is None else seconds / (_AUTO_FOLDS + 1)
        choice: float | None = None
        if self._closed is None:
            least = self._error(self._context.estimates[rows], rows)
        else:
            choice, least = self._closed.choose_regularization(rows)
        steps = 0

        def by_steps(some: Rows) -> Fit:
            nonlocal steps
            fit = self._fit_by_steps(some, optimizer, share, None, callbacks)
            steps += fit.steps
            return fit

        if self._cross_validated_error(rows, by_steps) < least:
            fit = by_steps(rows)
        elif self._closed is None:
            fit = Fit(None, NOTHING)
        else:
            fit = _fit_in_closed_form(self._closed, rows, choice)
        return Fit(fit.parameters, fit.method, steps, fit.stopped_by)

    def _cross_validated_error(self, rows: Rows, fit: Callable[[Rows], Fit]) -> float:
        context = self._context
        splits = cross_validation(context.blocks.of(rows), context.seed, _AUTO_FOLDS)
        if not splits:
            return np.inf
        estimates = []
        for split in splits:
            parameters = fit(rows[split.train]).parameters
            held_out = rows[split.held_out]
            estimates.append(context.predict(context.parameters if parameters is None else parameters, held_out))
        held = np.concatenate([rows[split.held_out] for split in splits])
        return self._error(np.concatenate(estimates), held)

    def _error(self, estimate: Floats, rows: Rows) -> float:
        error = self._context.error(estimate, rows)
        return error if np.isfinite(error) else np.inf


def _fit_in_closed_form(closed: ClosedForm, rows: Rows, inverse_regularization: float | None) -> Fit:
    if inverse_regularization is None:
        return Fit(None, NOTHING)
    offset = inverse_regularization == OFFSET
    method = "offset" if offset else f"ridge, inverse regularization {inverse_regularization:g}"
    return Fit(closed.fit(rows, inverse_regularization), method)
