"""The strategies of a bundle, each from some rows to a head."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.contract.strategy import Strategy
from pen_mobile.phone.adaptation.closed_form import OFFSET, ClosedForm
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import Split, hold_out
from pen_mobile.phone.adaptation.gradient import (
    NO_CALLBACKS,
    GradientTrainer,
    StopReason,
    TrainerCallbacks,
    TrainerState,
)
from pen_mobile.types import Floats, Rows

NOTHING = "nothing"


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
        if not len(rows):
            return Fit(None, NOTHING)
        if self._closed is not None and self._context.plan.strategy == Strategy.OFFSET_RIDGE:
            return _fit_in_closed_form(self._closed, rows)
        return self._fit_by_steps(rows, seconds, state, callbacks)

    def _fit_by_steps(
        self, rows: Rows, seconds: float | None, state: TrainerState | None, callbacks: TrainerCallbacks
    ) -> Fit:
        context = self._context
        share = context.plan.held_out / 2
        inner = hold_out(context.blocks.of(rows), share / (1 - share), context.seed)
        split = Split(rows[inner.train], rows[inner.held_out])
        if not len(split.train):
            return Fit(None, NOTHING)
        optimizer = context.plan.optimizer
        trainer = GradientTrainer(context, split, self._head.trainer(optimizer))
        end, reason = trainer.run(state or trainer.start(), seconds, callbacks)
        return Fit(end.best, optimizer, end.steps, reason)


def _fit_in_closed_form(closed: ClosedForm, rows: Rows) -> Fit:
    inverse_regularization = closed.choose_regularization(rows)
    if inverse_regularization is None:
        return Fit(None, NOTHING)
    offset = inverse_regularization == OFFSET
    method = "offset" if offset else f"ridge, inverse regularization {inverse_regularization:g}"
    return Fit(closed.fit(rows, inverse_regularization), method)
