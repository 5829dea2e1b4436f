"""Runs one adaptation: fits that judge, each without the labels that it is judged by, then a fit of all labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pen_mobile.phone.adaptation.acceptance import AcceptanceDecision, decide
from pen_mobile.phone.adaptation.checkpoint import AdaptationCheckpoint
from pen_mobile.phone.adaptation.checkpointer import Checkpointer
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import cross_validation, hold_out
from pen_mobile.phone.adaptation.gradient import TrainerCallbacks, TrainerState
from pen_mobile.phone.adaptation.result import AdaptationResult, finite
from pen_mobile.phone.adaptation.strategies import NOTHING, Fit, Fitter
from pen_mobile.types import Floats, Rows


class AdaptationRunner:
    """One adaptation, fold by fold, with a checkpoint."""

    def __init__(
        self, context: AdaptationContext, checkpointer: Checkpointer, should_stop: Callable[[], bool] | None
    ) -> None:
        """Assign samples to folds.

        Args:
            context: the inputs.
            checkpointer: saves what an interruption must not lose.
            should_stop: asked before every step whether to stop.
        """
        self._context, self._checkpointer, self._should_stop = context, checkpointer, should_stop
        self._fitter = Fitter(context)
        plan, blocks = context.plan, context.blocks
        self._is_cross_validated = len(context.all_rows) < plan.hold_out_from
        folds = cross_validation(blocks, context.seed) if self._is_cross_validated else []
        self._folds = folds or [hold_out(blocks, plan.held_out / 2, context.seed)]
        self._checkpoint = AdaptationCheckpoint(context.estimates.copy())

    def run(self, result: AdaptationResult) -> tuple[AdaptationResult, Floats | None]:
        """Go on from a checkpoint or start; returns the result completed, and the new head when it is accepted."""
        checkpoint, discarded = self._checkpointer.load()
        self._checkpoint = checkpoint or self._checkpoint
        result = replace(
            result,
            judged_by="cross-validation" if self._is_cross_validated else "held-out labels",
            judged_on=sum(len(split.held_out) for split in self._folds),
            by_time=self._context.blocks.by_time,
            resumed_from=None if checkpoint is None else checkpoint.steps_so_far,
            discarded=discarded,
        )
        try:
            return self._judged(result)
        except _Interrupted:
            self._checkpointer.save(self._checkpoint)
            steps = self._checkpoint.steps_so_far
            kept = "the next one goes on from there" if self._checkpointer.is_kept else "nothing of it is kept"
            reason = f"interrupted after {steps} steps: {kept}; the old head stays"
            return replace(result, reason=reason, interrupted=True, steps=steps), None
        except KeyboardInterrupt:
            self._checkpointer.save(self._checkpoint)
            raise

    def _judged(self, result: AdaptationResult) -> tuple[AdaptationResult, Floats | None]:
        fit = self._fit_folds()
        steps = self._checkpoint.steps + (0 if self._is_cross_validated else fit.steps)
        held_out = np.concatenate([split.held_out for split in self._folds])
        decision = self._decide(self._checkpoint.estimates[held_out], held_out)
        refusal, trained = decision.refusal, self._folds[0].train
        if self._is_cross_validated and refusal is None:
            trained = self._context.all_rows
            fit = self._fit(trained)
            steps += fit.steps
            refusal = self._find_problem_of_last(fit)
        if refusal is None and fit.parameters is None:
            refusal = "nothing was better than the head in use on labels kept apart"
        result = replace(
            result,
            accepted=refusal is None,
            reason=f"{refusal}; the old head stays" if refusal else _improvement(decision),
            trained_on=len(trained),
            error_before=finite(decision.before),
            error_after=finite(decision.after),
            error_spread=finite(decision.spread),
            steps=steps,
            method=fit.method,
            stopped_by=fit.stopped_by,
        )
        return result, fit.parameters if refusal is None else None

    def _fit_folds(self) -> Fit:
        """Train on every fold that is not done, and estimate its held-out samples."""
        fit = Fit(None, NOTHING)
        for split in self._folds[self._checkpoint.finished :]:
            fit = self._fit(split.train)
            if fit.parameters is not None:
                held_out = split.held_out
                self._checkpoint.estimates[held_out] = self._context.predict(fit.parameters, held_out)
            if self._is_cross_validated:
                self._checkpoint.finish_fold(fit.steps)
        return fit

    def _fit(self, rows: Rows) -> Fit:
        """Train on rows, or go on where an interruption ended it."""
        self._check_stop()
        plan = self._context.plan
        seconds = None if plan.seconds is None else plan.seconds / (len(self._folds) + self._is_cross_validated)
        callbacks = TrainerCallbacks(self._before_step, self._after_evaluation)
        return self._fitter.fit(rows, seconds, self._checkpoint.trainer, callbacks)

    def _before_step(self, state: TrainerState) -> None:
        self._checkpoint.trainer = state
        self._check_stop()

    def _after_evaluation(self, state: TrainerState) -> None:
        self._checkpoint.trainer = state
        self._checkpointer.save_periodically(self._checkpoint)

    def _check_stop(self) -> None:
        if self._should_stop is not None and self._should_stop():
            raise _Interrupted

    def _find_problem_of_last(self, fit: Fit) -> str | None:
        """Return why the head of all labels is refused: no fold has judged it, so it must at least fit its labels."""
        if fit.parameters is None:
            return None
        rows = self._context.all_rows
        decision = self._decide(self._context.predict(fit.parameters, rows), rows)
        return None if decision.refusal is None else "the head made of all labels does not fit them clearly better"

    def _decide(self, estimate: Floats, rows: Rows) -> AcceptanceDecision:
        context, samples = self._context, self._context.samples
        labels = (samples.labels[rows], samples.weight[rows], context.blocks.number[rows])
        return decide(context.estimates[rows], estimate, *labels, context.plan.margin)


class _Interrupted(Exception):
    """``should_stop`` returned True."""


def _improvement(decision: AcceptanceDecision) -> str:
    return f"held-out error went from {decision.before:.4f} to {decision.after:.4f}"
