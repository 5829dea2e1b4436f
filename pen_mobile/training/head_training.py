"""The stages of source learning that work on features: many heads at once, each as if it were alone.

A head is one matrix ``head_parameters``: the shared head is a mixture of one ``[1 + K, D_z + 1]``, the gate alone is
``[n_s, D_z + 1]``, and the experts with their gate are ``[n_s (1 + K), D_z + 1]``. Training one head takes all of these
in turn; a search over lambdas trains 64 of each side by side, and cross-fitting one for each set of rows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pen_mobile.models.losses import LossTerms
from pen_mobile.training.batched_optimizers import batched_optimizer
from pen_mobile.training.checkpoint import Checkpoint
from pen_mobile.training.head_batch import HeadBatch, HeadSamples, epoch_order
from pen_mobile.training.head_kernels import TermFactors
from pen_mobile.training.stage import StageSettings, diverged
from pen_mobile.training.stage_log import EpochLog, StageLog
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.threads import one_thread

TrainedHeads = tuple[Tensor, list[list[StageLog]]]
"""Head parameters of the best epoch of each, as functions of z, ``[G, H, R, D_z + 1]``, and the logs, ``[G][H]``."""

_KEY = "head_parameters"
_SMALL = 1 << 15  # parameters of all heads together: a second thread pays for the paper's 55,000, not for 16,000


@dataclass(frozen=True, eq=False)
class HeadStage:
    """One stage for G sets of rows with H heads on each.

    Attributes:
        settings: optimizer, epochs and so on, the same for all.
        heads: head parameters to start from, as functions of z, ``[G, H, R, D_z + 1]``.
        expert_count: n_s; the first n_s of the R rows are the gate's.
        samples: features and labels that the sets are taken from.
        training: row numbers of each set to learn from; as many batches each.
        validation: row numbers of each set that choose the epoch.
        terms: factors of the loss for each of the H heads.
    """

    settings: StageSettings
    heads: Tensor
    expert_count: int
    samples: HeadSamples
    training: Sequence[Tensor]
    validation: Sequence[Tensor]
    terms: Sequence[LossTerms]

    @property
    def batches(self) -> int:
        """Steps of one epoch."""
        return -(-max(map(len, self.training)) // self.settings.batch_size)

    def without_steps(self) -> HeadStage:
        """Return the stage that leaves its heads as they are and only measures them."""
        return replace(self, settings=replace(self.settings, epochs=0))

    def start(self) -> HeadBatch:
        """Return the heads to train."""
        factors = TermFactors.of(self.terms, self.heads)
        return HeadBatch(self.heads, self.samples, self.expert_count, factors)

    def orders(self, epoch: int) -> list[Tensor]:
        """Return the row numbers of each set in the order of one epoch.

        Args:
            epoch: number of the pass, from 1.
        """
        size, seed = self.settings.batch_size, self.settings.seed
        return [rows[epoch_order(len(rows), size, seed, epoch)] for rows in self.training]


@torch.no_grad()
def train_heads(stage: HeadStage, checkpoint: Path | None = None, progress: Progress = SILENT) -> TrainedHeads:
    """Train all heads of a stage; each keeps its best epoch on validation and stops early on its own.

    Args:
        stage: the heads and how they learn.
        checkpoint: file to save to after every epoch and to resume from, for a stage of one head; a finished stage is
            only loaded.
        progress: listener.

    Raises:
        BadInput: the loss of a single head is not finite. Of several heads, such a one keeps what it was before.
    """
    saved = Checkpoint.load(checkpoint) if checkpoint else None
    if saved and saved.log.finished:
        return saved.best[_KEY].view_as(stage.heads), [[saved.log]]
    loop = _Loop(stage, checkpoint)
    if saved:
        loop.resume(saved)
    else:
        loop.validate(None, 0.0)
    settings = stage.settings
    few = one_thread() if stage.heads.numel() < _SMALL else contextlib.nullcontext()
    with few, progress.task(settings.name, settings.epochs * stage.batches) as task:
        task.advance(loop.epoch * stage.batches, loop.note())
        while not loop.done():
            steps = loop.train_one_epoch()
            loop.save()
            task.advance(steps, loop.note())
    return loop.finish()


class _Loop:
    """The state of :func:`train_heads` between epochs."""

    def __init__(self, stage: HeadStage, checkpoint: Path | None) -> None:
        self.stage, self.settings, self.checkpoint = stage, stage.settings, checkpoint
        self.heads = stage.start()
        weights, settings = self.heads.flat_weights(), stage.settings
        self.optimizer = batched_optimizer(settings.optimizer, weights, settings.learning_rate)
        self.logs = [[StageLog() for _ in stage.terms] for _ in stage.training]
        self.best = self.heads.weights.clone()

    @property
    def epoch(self) -> int:
        """Number of epochs that are done."""
        return max(len(log.epochs) for logs in self.logs for log in logs) - 1

    @property
    def steps(self) -> int:
        return max(log.steps for logs in self.logs for log in logs)

    def done(self) -> bool:
        if self.epoch >= self.settings.epochs or self.settings.steps_left(self.steps) == 0:
            return True
        return all(log.stopped(self.settings.patience) for logs in self.logs for log in logs)

    def train_one_epoch(self) -> int:
        """Take the steps of one epoch, validate, and return how many steps they were."""
        started = time.perf_counter()
        left = self.settings.steps_left(self.steps)
        losses: list[Tensor] = []
        for batch in self.heads.epoch(self.stage.orders(self.epoch + 1), self.settings.batch_size):
            if len(losses) == left:
                break
            losses.append(self.heads.step(batch, self.optimizer))
            self._check(losses[-1], self.steps + len(losses))
        self.validate(torch.stack(losses).mean(dim=0), time.perf_counter() - started, len(losses))
        return len(losses)

    def _check(self, loss: Tensor, step: int) -> None:
        """Refuse a loss that is not finite, where there is one head only."""
        if loss.numel() == 1 and not bool(loss.isfinite().all()):
            raise diverged(self.settings, step)

    def validate(self, training_loss: Tensor | None, seconds: float, steps: int = 0) -> None:
        """Measure every head that has not stopped, and keep the best."""
        found = self.heads.losses(self.stage.validation)
        self._check(found, self.steps + steps)
        for group, logs in enumerate(self.logs):
            for head, log in enumerate(logs):
                if log.stopped(self.settings.patience):
                    continue
                learned = None if training_loss is None else float(training_loss[group, head])
                log.steps += steps
                if log.add(EpochLog(float(found[group, head]), round(seconds, 3), learned)):
                    self.best[group, head] = self.heads.weights[group, head]

    def note(self) -> str:
        return f"validation loss {min(log.best_loss for logs in self.logs for log in logs):.4f}"

    def save(self) -> None:
        if self.checkpoint is None:
            return
        state = {"state": {0: self.optimizer.state()}, "param_groups": []}
        best, latest = {_KEY: self.best[0, 0]}, {_KEY: self.heads.weights[0, 0]}
        Checkpoint(best, latest, state, self.logs[0][0]).save(self.checkpoint)

    def resume(self, saved: Checkpoint) -> None:
        self.logs = [[saved.log]]
        self.best.copy_(saved.best[_KEY])
        self.heads.weights.copy_(saved.latest[_KEY])
        for name, slot in self.optimizer.state().items():
            slot.copy_(saved.optimizer["state"][0][name])

    def finish(self) -> TrainedHeads:
        self.best = self.heads.as_given(self.best)
        for logs in self.logs:
            for log in logs:
                log.finished = True
        self.save()
        return self.best, self.logs
