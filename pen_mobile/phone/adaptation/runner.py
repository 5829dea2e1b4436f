"""One trial: learn without some labels, judge on them, and learn from all where every label judged in its turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pen_mobile.contract.manifest import AdaptationPart
from pen_mobile.phone.adaptation.acceptance import Verdict, judge
from pen_mobile.phone.adaptation.blocks import blocks_of
from pen_mobile.phone.adaptation.checkpointing import Work
from pen_mobile.phone.adaptation.gradient import Place, Watcher
from pen_mobile.phone.adaptation.holdout import cross_validation, hold_out
from pen_mobile.phone.adaptation.result import AdaptationResult, finite
from pen_mobile.phone.adaptation.strategies import AUTO, NOTHING, Fitted, Ways
from pen_mobile.phone.adaptation.trainer_state import Course
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows


class Trial:
    """Rounds that judge, each with labels that it does not learn from; several rounds end in a fit of all labels."""

    def __init__(
        self,
        runtime: BundleRuntime,
        parameters: Floats,
        samples: Samples,
        plan: AdaptationPart,
        seed: int,
        estimate: Floats,
        work: Work,
        stop: Callable[[], bool] | None,
    ) -> None:
        """Draw what is held out.

        Args:
            estimate: what the head in use says about the samples, ``[N, 2]``.
            work: keeps what an interruption must not lose.
            stop: asked before every step whether to end.
        """
        self._runtime, self._parameters, self._samples, self._plan = runtime, parameters, samples, plan
        self._before, self._work, self._stop = estimate, work, stop
        self._blocks = blocks_of(samples)
        self._ways = Ways(runtime, parameters, samples, self._blocks, plan, seed)
        self._in_turn = len(samples.labels) < plan.hold_out_from
        folds = cross_validation(self._blocks, seed) if self._in_turn else []
        self._rounds = folds or [hold_out(self._blocks, plan.held_out / 2, seed)]
        self._course = Course(estimate.copy())

    def run(self, result: AdaptationResult) -> tuple[AdaptationResult, Floats | None]:
        """Go on from an interrupted trial or begin; returns the result completed, and the new head when accepted."""
        course, discarded = self._work.take_up()
        self._course = course or self._course
        result = replace(
            result,
            judged_by="cross-validation" if self._in_turn else "held-out labels",
            judged_on=sum(len(split.held) for split in self._rounds),
            by_time=self._blocks.by_time,
            resumed_from=None if course is None else course.steps_so_far,
            discarded=discarded,
        )
        try:
            return self._judged(result)
        except _Interrupted:
            self._work.save(self._course)
            steps = self._course.steps_so_far
            goes_on = "the next one goes on from there" if self._work.is_kept else "nothing of it is kept"
            reason = f"interrupted after {steps} steps: {goes_on}; the old head stays"
            return replace(result, reason=reason, interrupted=True, steps=steps), None
        except KeyboardInterrupt:
            self._work.save(self._course)
            raise

    def _judged(self, result: AdaptationResult) -> tuple[AdaptationResult, Floats | None]:
        fitted = self._go_round()
        steps = self._course.steps + (0 if self._in_turn else fitted.steps)
        held = np.concatenate([split.held for split in self._rounds])
        verdict = self._verdict(self._course.after, held)
        refusal, learned = verdict.refusal, self._rounds[0].learn
        if self._in_turn and refusal is None:
            learned = np.arange(len(self._before))
            fitted = self._fit(learned)
            steps += fitted.steps
            refusal = self._why_refuse_last(fitted)
        if refusal is None and fitted.parameters is None:
            refusal = "nothing was better than the head in use on labels kept apart"
        result = replace(
            result,
            accepted=refusal is None,
            reason=f"{refusal}; the old head stays" if refusal else _improvement(verdict),
            trained_on=len(learned),
            error_before=finite(verdict.before),
            error_after=finite(verdict.after),
            error_spread=finite(verdict.spread),
            steps=steps,
            way=fitted.way,
            stopped_by=fitted.stopped_by,
        )
        return result, fitted.parameters if refusal is None else None

    def _go_round(self) -> Fitted:
        """Let every round that is not done yet learn, and say what it makes of its held-out labels."""
        fitted = Fitted(None, NOTHING)
        for split in self._rounds[self._course.finished :]:
            fitted = self._fit(split.learn)
            if fitted.parameters is not None:
                z = self._samples.features[split.held]
                self._course.after[split.held] = self._runtime.predict(fitted.parameters, z)[0]
            if self._in_turn:
                self._course.finish_round(fitted.steps)
        return fitted

    def _fit(self, rows: Rows) -> Fitted:
        """Learn from rows, or go on where an interruption ended it."""
        self._insist_on_time()
        seconds = None if self._plan.seconds is None else self._plan.seconds / (len(self._rounds) + self._in_turn)
        return self._ways.fit(rows, seconds, self._course.place, self._watcher())

    def _watcher(self) -> Watcher:
        """A choice among ways is made anew after an interruption: only a training of its own is followed."""
        if self._plan.strategy == AUTO:
            return Watcher(lambda place: self._insist_on_time(), lambda place: None)
        return Watcher(self._before_step, self._after_look)

    def _before_step(self, place: Place) -> None:
        self._course.place = place
        self._insist_on_time()

    def _after_look(self, place: Place) -> None:
        self._course.place = place
        self._work.save_now_and_then(self._course)

    def _insist_on_time(self) -> None:
        if self._stop is not None and self._stop():
            raise _Interrupted

    def _why_refuse_last(self, fitted: Fitted) -> str | None:
        """The rounds judged heads made in the same way, not this one: it must at least fit what it learned from."""
        if fitted.parameters is None:
            return None
        estimate, _ = self._runtime.predict(fitted.parameters, self._samples.features)
        verdict = self._verdict(estimate, np.arange(len(estimate)))
        return None if verdict.refusal is None else "the head made of all labels does not fit them clearly better"

    def _verdict(self, estimate: Floats, rows: Rows) -> Verdict:
        samples, margin = self._samples, self._plan.margin
        told = (samples.labels[rows], samples.weight[rows], self._blocks.number[rows])
        return judge(self._before[rows], estimate[rows], *told, margin)


class _Interrupted(Exception):
    """Somebody asked the trial to end."""


def _improvement(verdict: Verdict) -> str:
    return f"held-out error went from {verdict.before:.4f} to {verdict.after:.4f}"
