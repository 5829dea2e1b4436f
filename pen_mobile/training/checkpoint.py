"""A stage of training on disk: safetensors for weights and optimizer slots, JSON for the rest, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.training.stage_log import StageLog
from pen_mobile.utils.files import replacing, to_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.validation import validated

Weights = dict[str, Tensor]


@dataclass
class Checkpoint:
    """Everything that is needed to go on: best and latest weights, optimizer, log."""

    best: Weights
    latest: Weights
    optimizer: dict[str, Any]
    log: StageLog

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all; the weights and slots of a finished stage are left out.

        Args:
            path: file to write.
        """
        tensors = {f"best.{key}": value for key, value in self.best.items()}
        if not self.log.finished:
            tensors |= {f"latest.{key}": value for key, value in self.latest.items()} | self._slots()
        groups = json.dumps(self.optimizer.get("param_groups", []))
        metadata = {"log": to_json(to_plain(self.log)), "param_groups": groups}
        cpu = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        with replacing(path) as temporary:
            save_file(cpu, temporary, metadata=metadata)

    def _slots(self) -> Weights:
        slots = self.optimizer.get("state", {}).items()
        return {
            f"slot.{index}.{key}": torch.as_tensor(value)
            for index, values in slots
            for key, value in values.items()
            if value is not None
        }

    @classmethod
    def load(cls, path: Path) -> Checkpoint | None:
        """Read a checkpoint, or return None when there is none.

        Args:
            path: file to read.

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
        optimizer = {"state": slots, "param_groups": groups}
        return cls(_under(tensors, "best."), _under(tensors, "latest."), optimizer, log)


def _under(tensors: Weights, prefix: str) -> Weights:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
