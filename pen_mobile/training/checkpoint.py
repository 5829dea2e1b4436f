"""A stage of training on disk: safetensors for weights and optimizer slots, JSON for the rest, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.utils.files import replacing, to_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.validation import validated

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class EpochLog:
    """One epoch of a stage.

    Attributes:
        validation_loss: mean loss over the validation samples after the epoch.
        seconds: time of its training steps.
        training_loss: mean loss of its batches; None for epoch 0, which is before training.
    """

    validation_loss: float
    seconds: float = 0.0
    training_loss: float | None = None


@dataclass
class StageLog:
    """How a stage went.

    Attributes:
        epochs: one entry per epoch; entry 0 is before training.
        best_epoch: the epoch whose weights were kept.
        steps: optimizer steps taken.
        finished: False while the stage can be resumed.
    """

    epochs: list[EpochLog] = field(default_factory=list)
    best_epoch: int = 0
    steps: int = 0
    finished: bool = False

    @property
    def best_loss(self) -> float:
        """Smallest validation loss so far."""
        return self.epochs[self.best_epoch].validation_loss

    def add(self, epoch: EpochLog) -> bool:
        """Append an epoch and return True when its weights are the ones to keep.

        Args:
            epoch: the next one.
        """
        self.epochs.append(epoch)
        better = len(self.epochs) == 1 or epoch.validation_loss < self.best_loss
        if better:
            self.best_epoch = len(self.epochs) - 1
        return better

    def stopped(self, patience: int | None) -> bool:
        """Tell whether the stage has waited long enough for a better epoch.

        Args:
            patience: epochs to wait; None waits for ever.
        """
        return patience is not None and len(self.epochs) - 1 - self.best_epoch >= patience


@dataclass
class Checkpoint:
    """Everything that is needed to go on: best and latest weights, optimizer, log."""

    best: Weights
    latest: Weights
    optimizer: dict[str, Any]
    log: StageLog


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    slots = checkpoint.optimizer.get("state", {})
    tensors = {f"best.{key}": value for key, value in checkpoint.best.items()}
    if not checkpoint.log.finished:
        tensors |= {f"latest.{key}": value for key, value in checkpoint.latest.items()}
        tensors |= {
            f"slot.{index}.{key}": torch.as_tensor(value)
            for index, values in slots.items()
            for key, value in values.items()
            if value is not None
        }
    metadata = {
        "log": to_json(to_plain(checkpoint.log)),
        "param_groups": json.dumps(checkpoint.optimizer.get("param_groups", [])),
    }
    cpu = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(cpu, temporary, metadata=metadata)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint back, or return None when there is none.

    Raises:
        BadInput: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        log = validated(StageLog, json.loads(metadata["log"]), "log")
        groups = json.loads(metadata["param_groups"])
    except (SafetensorError, OSError, KeyError, ValueError, BadInput) as error:
        raise BadInput(f"{path}: damaged checkpoint ({error}); delete it to train this stage again") from None
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "slot.").items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = value
    return Checkpoint(
        best=_under(tensors, "best."),
        latest=_under(tensors, "latest."),
        optimizer={"state": slots, "param_groups": groups},
        log=log,
    )


def _under(tensors: Weights, prefix: str) -> Weights:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
