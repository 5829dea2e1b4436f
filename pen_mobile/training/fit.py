"""One training loop for every stage: keep the best on validation, stop early, resume after an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pen_mobile.models.optimizers import OptimizerName, make_optimizer
from pen_mobile.training.batches import Batch, EpochBatches, Samples, batch_loader
from pen_mobile.training.checkpoint import Checkpoint, EpochLog, StageLog, Weights, load_checkpoint, save_checkpoint
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Loss = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class Stage:
    """One optimisation: which weights, which loss, which samples, for how long.

    Attributes:
        name: shown to the user and used for the checkpoint's file name.
        module: its parameters are trained in place; ends with the best weights.
        loss: mean loss of a batch, given the module.
        training, validation: samples.
        optimizer, learning_rate: see :mod:`pen_mobile.models.optimizers`.
        epochs: passes over the training samples at most.
        patience: stop after this many epochs without a better validation loss; None never stops early.
        max_steps: stop after this many steps; None has no limit.
        batch_size, seed: as the words say.
    """

    name: str
    module: nn.Module
    loss: Loss
    training: Samples
    validation: Samples
    optimizer: OptimizerName
    learning_rate: float | None
    epochs: int
    patience: int | None
    max_steps: int | None
    batch_size: int
    seed: int


def fit(fabric: Fabric, stage: Stage, checkpoint: Path | None = None, progress: Progress = SILENT) -> StageLog:
    """Train one stage and leave the best weights in its module.

    Args:
        checkpoint: file to save to after every epoch and to resume from; a finished stage is only loaded.
    """
    saved = load_checkpoint(checkpoint) if checkpoint else None
    if saved and saved.log.finished:
        stage.module.load_state_dict(saved.best)
        return saved.log
    loop = _Loop(fabric, stage)
    loop.resume(saved)
    with progress.task(stage.name, stage.epochs * len(loop.order)) as task:
        task.advance(len(loop.log.epochs[1:]) * len(loop.order), loop.note())
        while not loop.done():
            loop.train_one_epoch(task.advance)
            loop.validate()
            loop.save(checkpoint)
            task.advance(0, loop.note())
    loop.finish(checkpoint)
    return loop.log


class _Loop:
    """The state of :func:`fit` between epochs."""

    def __init__(self, fabric: Fabric, stage: Stage) -> None:
        self.fabric, self.stage = fabric, stage
        self.log = StageLog()
        self.seconds = 0.0
        self.train_loss: float | None = None
        optimizer = make_optimizer(stage.optimizer, stage.module.parameters(), stage.learning_rate)
        self.module, self.optimizer = fabric.setup(stage.module, optimizer)
        share = {"rank": fabric.global_rank, "world": fabric.world_size}
        self.order = EpochBatches(len(stage.training), stage.batch_size, stage.seed, shuffle=True, **share)
        self.held_out = EpochBatches(len(stage.validation), 256, stage.seed, shuffle=False, **share)
        self.best: Weights = {}

    def _batches(self, samples: Samples, order: EpochBatches) -> Iterator[Batch]:
        for batch in batch_loader(samples, order):
            yield self.fabric.to_device(batch)

    def resume(self, saved: Checkpoint | None) -> None:
        if saved is None:
            self.validate()
            return
        self.log, self.best = saved.log, saved.best
        self.stage.module.load_state_dict(saved.latest)
        self.optimizer.load_state_dict(saved.optimizer)

    def done(self) -> bool:
        epoch = len(self.log.epochs) - 1
        patience = self.stage.patience
        waited = patience is not None and epoch - self.log.best_epoch >= patience
        return epoch >= self.stage.epochs or waited or self._steps_left() == 0

    def train_one_epoch(self, advance: Callable[[int], None]) -> None:
        started = time.perf_counter()
        self.module.train()
        self.order.epoch = len(self.log.epochs)
        torch.manual_seed(self.stage.seed + self.order.epoch)
        losses: list[Tensor] = []
        for batch in self._batches(self.stage.training, self.order):
            if self._steps_left() == 0:
                break
            self.optimizer.zero_grad()
            loss = self.stage.loss(self.module, batch)
            self.fabric.backward(loss)
            self.optimizer.step()
            losses.append(loss.detach())
            self.log.steps += 1
            advance(1)
        self.train_loss = float(torch.stack(losses).mean())
        self.seconds = time.perf_counter() - started

    @torch.no_grad()
    def validate(self) -> None:
        self.module.eval()
        total = torch.zeros(2, dtype=torch.float64)
        for batch in self._batches(self.stage.validation, self.held_out):
            count = len(batch.affect)
            total += torch.tensor([float(self.stage.loss(self.module, batch)) * count, count], dtype=torch.float64)
        reduced: Any = self.fabric.all_reduce(total, reduce_op="sum")
        epoch = EpochLog(float(reduced[0] / reduced[1]), round(self.seconds, 3), self.train_loss)
        self.log.epochs.append(epoch)
        if len(self.log.epochs) == 1 or epoch.validation_loss < self.log.best_loss:
            self.log.best_epoch = len(self.log.epochs) - 1
            self.best = {key: value.detach().clone() for key, value in self.stage.module.state_dict().items()}

    def save(self, checkpoint: Path | None) -> None:
        if checkpoint and self.fabric.is_global_zero:
            latest = self.stage.module.state_dict()
            save_checkpoint(checkpoint, Checkpoint(self.best, latest, self.optimizer.state_dict(), self.log))

    def finish(self, checkpoint: Path | None) -> None:
        self.stage.module.load_state_dict(self.best)
        self.log.finished = True
        self.save(checkpoint)
        self.fabric.barrier()

    def note(self) -> str:
        return f"validation loss {self.log.best_loss:.4f}"

    def _steps_left(self) -> int:
        limit = self.stage.max_steps
        return 1 if limit is None else max(limit - self.log.steps, 0)
