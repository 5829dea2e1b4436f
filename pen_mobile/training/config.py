"""What a training run does; every field can stand in a TOML file under its own name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.toml import read_toml


@dataclass(frozen=True)
class LearningConfig:
    """Settings of source learning; the defaults are the paper's (Section 4), but for the step size of stage 4.

    Attributes:
        backbone: torchvision name of the feature extractor.
        weights: ``none``, ``imagenet`` or the path of a weights file.
        input_size: side of the backbone's square input, pixels.
        backbone_optimizer: optimizer of stage 1.
        backbone_learning_rate: its step size; None takes the optimizer's default.
        backbone_epochs: passes over the frames in stage 1.
        optimizer: optimizer of the heads (stages 2 to 4).
        learning_rate: its step size in stages 2 and 3; None takes the optimizer's default.
        joint_learning_rate: its step size in stage 4; None takes a tenth of the others', because stage 4 starts from
            heads that fit, and a step that finds them makes them worse at once (measured: docs/training.md).
        head_epochs: passes of stages 2 and 3 (shared head, gate alone).
        joint_epochs: passes of stage 4 (gate and experts together) at most.
        patience: stage 4 stops after this many epochs without a better validation loss.
        batch_size: samples a step, in every stage.
        lambda_0: weight of the selector loss (Eq. 4).
        lambda_1: weight of the gate's sparsity (Eqs. 4 and 8).
        validation_fraction: share of every source person's rows held out.
        augment: show the backbone its training frames mirrored, shifted, scaled, turned and lit a little
            differently at every pass (see :mod:`pen_mobile.training.augmentation`); the paper does not.
        frame_cache_gb: decoded frames of image files may take this much disk while the run is made, GiB.
        max_steps: stop every stage after this many steps; for trying things out.
        seed: decides initial weights, splits and the order of batches.
    """

    backbone: str = "resnet50"
    weights: str = "imagenet"
    input_size: int = 224
    backbone_optimizer: OptimizerName = "adadelta"
    backbone_learning_rate: float | None = None
    backbone_epochs: int = 10
    optimizer: OptimizerName = "adadelta"
    learning_rate: float | None = None
    joint_learning_rate: float | None = None
    head_epochs: int = 30
    joint_epochs: int = 30
    patience: int = 5
    batch_size: int = 32
    lambda_0: float = 1e-3
    lambda_1: float = 1e-3
    validation_fraction: float = 0.2
    augment: bool = False
    frame_cache_gb: float = 8.0
    max_steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("input_size", "backbone_epochs", "head_epochs", "joint_epochs", "patience", "batch_size"):
            _require(getattr(self, name) >= 1, name, "at least 1")
        for name in ("lambda_0", "lambda_1", "seed", "frame_cache_gb"):
            _require(getattr(self, name) >= 0, name, "0 or more")
        for name in ("backbone_learning_rate", "learning_rate", "joint_learning_rate", "max_steps"):
            _require(getattr(self, name) is None or getattr(self, name) > 0, name, "greater than 0")
        for name in ("backbone_optimizer", "optimizer"):
            _require(getattr(self, name) in OPTIMIZERS, name, f"one of {', '.join(get_args(OptimizerName))}")
        _require(0 < self.validation_fraction < 1, "validation_fraction", "between 0 and 1")

    @property
    def joint_step_size(self) -> float:
        """Step size of stage 4."""
        return self.joint_learning_rate or (self.learning_rate or OPTIMIZERS[self.optimizer].learning_rate) / 10

    @classmethod
    def load(cls, path: Path | None, **overrides: Any) -> LearningConfig:
        """Read a TOML file (or none) and let every override that is not None replace its key.

        Raises:
            BadInput: an unknown key, or a value that makes no sense.
        """
        values = {} if path is None else read_toml(path)
        known = {field.name: field for field in dataclasses.fields(cls)}
        for key, value in values.items():
            if key not in known:
                raise BadInput(f"{path}: unknown key {key!r}; {choices(key, known)}")
            if type(value) not in _accepted(known[key].type):
                raise BadInput(f"{path}: {key} = {value!r} is not of type {known[key].type}")
        values.update({key: value for key, value in overrides.items() if value is not None})
        return cls(**values)


def _accepted(annotation: Any) -> tuple[type, ...]:
    text = str(annotation)
    kinds: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "bool": (bool,)}
    return next((types for name, types in kinds.items() if name in text), (str,))


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise BadInput(f"{name} must be {what}")
