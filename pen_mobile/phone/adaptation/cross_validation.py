"""Gradient steps under cross-validation: the folds choose the number of steps, and then all samples are trained on.

Of every change a share ``2 / (V + 2)`` is kept back, where V is the number of effective labels: the rule of the method
``adapt`` with the most caution that training tries. It costs attacks more than honest labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pen_mobile.phone.adaptation.checkpoint import AdaptationCheckpoint, Checkpointer
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.folds import FOLDS, time_folds, votes_of
from pen_mobile.phone.adaptation.gradient import GradientTrainer, TrainerState
from pen_mobile.types import Doubles, Floats, Rows

_CAUTION = 2.0  # effective labels that the shipped head is worth


class Interrupted(Exception):
    """The caller asked the adaptation to stop."""


@dataclass(frozen=True)
class GradientFit:
    """The result of gradient steps.

    Attributes:
        parameters: the head trained on all samples; None when no number of steps was better than none.
        before, after: squared errors of the shipped head and of heads that were not trained on a label, ``[M, K]``.
        votes: how much each label counts, ``[M]``.
        steps: optimizer steps, of all trainings.
    """

    parameters: Floats | None
    before: Floats
    after: Floats
    votes: Doubles
    steps: int


class CrossValidation:
    """One adaptation by gradient steps, with a checkpoint after every evaluation.

    Attributes:
        checkpoint: the progress.
    """

    def __init__(
        self,
        context: AdaptationContext,
        checkpointer: Checkpointer,
        checkpoint: AdaptationCheckpoint | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        """Assign the samples to folds.

        Args:
            context: the inputs.
            checkpointer: saves what an interruption must not lose.
            checkpoint: of an interrupted adaptation with the same inputs, or None.
            should_stop: asked before every call of the program whether to stop.
        """
        self._context, self._checkpointer, self._should_stop = context, checkpointer, should_stop
        times = context.times[context.judged]
        self._votes = votes_of(times, context.noise_seconds)
        self._fold = time_folds(times, self._votes)
        # A sample that is not judged belongs to the fold of the judged one before it.
        self._fold_of_all = self._fold[np.searchsorted(times, context.times, "right") - 1]
        self.checkpoint = checkpoint or AdaptationCheckpoint(self._errors_before_training())

    def run(self) -> GradientFit:
        """Train every fold, choose the number of steps, and train on all samples.

        Raises:
            Interrupted: ``should_stop`` returned True; the checkpoint is saved.
            KeyboardInterrupt: the checkpoint is saved.
        """
        try:
            for fold in range(self.checkpoint.finished, FOLDS):
                self._train_fold(fold)
            errors = self.checkpoint.errors
            totals = (errors.sum(axis=2, dtype=np.float64) * self._votes).sum(axis=1)
            best = int(np.argmin(np.nan_to_num(totals, nan=np.inf, posinf=np.inf)))
            for _ in self._train(np.arange(len(self._fold_of_all)), best):
                pass
        except (Interrupted, KeyboardInterrupt):
            self._checkpointer.save(self.checkpoint)
            raise
        trainer = self.checkpoint.trainer
        parameters = None if trainer is None else self._cautious(trainer.parameters, self._votes)
        return GradientFit(parameters, errors[0], errors[best], self._votes, self.checkpoint.steps_so_far)

    def _errors_before_training(self) -> Floats:
        """Return errors ``[E + 1, M, K]`` that are those of the shipped head everywhere."""
        context = self._context
        before = context.squares(context.parameters, context.judged)
        evaluations = max(1, context.plan.steps // context.steps_of_an_evaluation)
        return np.repeat(before[None], 1 + evaluations, axis=0)

    def _train_fold(self, fold: int) -> None:
        """Train without a fold, and evaluate on it; the first fold decides how many steps a time budget allows."""
        context, plan, held_out = self._context, self._context.plan, np.flatnonzero(self._fold == fold)
        train = np.flatnonzero(self._fold_of_all != fold)
        if len(train) and len(held_out):
            for place, state in self._train(train, len(self.checkpoint.errors) - 1):
                head = self._cautious(state.parameters, self._votes[self._fold != fold])
                squares = context.squares(head, context.judged[held_out])
                self.checkpoint.errors[place, held_out] = squares
                if fold == 0 and plan.seconds is not None and state.seconds >= plan.seconds / (FOLDS + 1):
                    self.checkpoint.errors, self.checkpoint.trainer = self.checkpoint.errors[: place + 1], state
                    break
        self.checkpoint.finish_fold()

    def _train(self, rows: Rows, evaluations: int) -> Iterator[tuple[int, TrainerState]]:
        """Yield the number of each evaluation and the state to evaluate, from the checkpoint on."""
        trainer = GradientTrainer(self._context, rows)
        state = self.checkpoint.trainer or trainer.start()
        for place in range(state.evaluations + 1, evaluations + 1):
            state = trainer.run(state, self._check_stop)
            yield place, state
            self.checkpoint.trainer = state
            self._checkpointer.save_periodically(self.checkpoint)

    def _cautious(self, parameters: Floats, votes: Doubles) -> Floats:
        """Return a head with a share of its change kept back, the larger the fewer labels it was trained on."""
        shipped, labels = self._context.parameters, votes.sum()
        cautious: Floats = shipped + np.float32(labels / (labels + _CAUTION)) * (parameters - shipped)
        return cautious

    def _check_stop(self) -> None:
        if self._should_stop is not None and self._should_stop():
            raise Interrupted
