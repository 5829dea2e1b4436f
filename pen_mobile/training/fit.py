"""The training loop of a module: keep the best on validation, stop early, resume after an interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pen_mobile.models.optimizers import make_optimizer
from pen_mobile.training.batches import Batch, EpochBatches, Samples, batch_loader
from pen_mobile.training.checkpoint import Checkpoint, Weights
from pen_mobile.training.stage import StageSettings, diverged
from pen_mobile.training.stage_log import EpochLog, StageLog
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Loss = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class ModuleStage:
    """One stage of a module: weights, loss and samples.

    Attributes:
        settings: optimizer, epochs and so on.
        module: its parameters are trained in place; ends with the best weights.
        loss: mean loss of a batch, given the module.
        training: samples to learn from.
        validation: samples that choose the epoch.
    """

    settings: StageSettings
    module: nn.Module
    loss: Loss
    training: Samples
    validation: Samples

    def optimizer(self) -> torch.optim.Optimizer:
        """Return a new optimizer of the module's parameters."""
        settings = self.settings
        return make_optimizer(settings.optimizer, self.module.parameters(), settings.learning_rate)

    def orders(self, rank: int, world: int) -> tuple[EpochBatches, EpochBatches]:
        """Return the batches of training, shuffled, and those of validation, of one process.

        Args:
            rank: number of the process, from 0.
            world: number of processes.
        """
        seed, size = self.settings.seed, self.settings.batch_size
        order = EpochBatches(len(self.training), size, seed, shuffle=True, rank=rank, world=world)
        return order, EpochBatches(len(self.validation), 256, seed, shuffle=False, rank=rank, world=world)


def fit(fabric: Fabric, stage: ModuleStage, checkpoint: Path | None = None, progress: Progress = SILENT) -> StageLog:
    """Train one stage and leave the best weights in its module.

    Args:
        fabric: where to train.
        stage: what to train.
        checkpoint: file to save to after every epoch and to resume from; a finished stage is only loaded.
        progress: listener.

    Raises:
        BadInput: the loss is not finite.
    """
    saved = Checkpoint.load(checkpoint) if checkpoint else None
    if saved and saved.log.finished:
        stage.module.load_state_dict(saved.best)
        return saved.log
    loop = _Loop(fabric, stage)
    loop.resume(saved)
    with progress.task(stage.settings.name, stage.settings.epochs * len(loop.order)) as task:
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

    def __init__(self, fabric: Fabric, stage: ModuleStage) -> None:
        self.fabric, self.stage, self.settings = fabric, stage, stage.settings
        self.log = StageLog()
        self.seconds = 0.0
        self.train_loss: float | None = None
        self.module, self.optimizer = fabric.setup(stage.module, stage.optimizer())
        self.order, self.held_out = stage.orders(fabric.global_rank, fabric.world_size)
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
        over = len(self.log.epochs) - 1 >= self.settings.epochs
        return over or self.log.stopped(self.settings.patience) or self._steps_left() == 0

    def train_one_epoch(self, advance: Callable[[int], None]) -> None:
        started = time.perf_counter()
        self.module.train()
        self.order.epoch = len(self.log.epochs)
        torch.manual_seed(self.settings.seed + self.order.epoch)
        losses: list[Tensor] = []
        for batch in self._batches(self.stage.training, self.order):
            if self._steps_left() == 0:
                break
            self.optimizer.zero_grad()
            loss = self.stage.loss(self.module, batch)
            if not bool(loss.isfinite()):
                raise diverged(self.settings, self.log.steps + 1)
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
        loss = float(reduced[0] / reduced[1])
        if not math.isfinite(loss):
            raise diverged(self.settings, self.log.steps)
        if self.log.add(EpochLog(loss, round(self.seconds, 3), self.train_loss)):
            self.best = {key: value.detach().clone() for key, value in self.stage.module.state_dict().items()}

    def save(self, checkpoint: Path | None) -> None:
        if checkpoint and self.fabric.is_global_zero:
            latest = self.stage.module.state_dict()
            Checkpoint(self.best, latest, self.optimizer.state_dict(), self.log).save(checkpoint)

    def finish(self, checkpoint: Path | None) -> None:
        self.stage.module.load_state_dict(self.best)
        self.log.finished = True
        self.save(checkpoint)
        self.fabric.barrier()

    def note(self) -> str:
        return f"validation loss {self.log.best_loss:.4f}"

    def _steps_left(self) -> int | None:
        return self.settings.steps_left(self.log.steps)
