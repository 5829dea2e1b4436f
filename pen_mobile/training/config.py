"""What a training run does; every field can stand in a TOML file under its own name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.models.losses import LossConvention
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.types import Rows
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.toml import read_toml
from pen_mobile.utils.validation import Count, Flag, NotNegative, Positive, Seed, validated, validated_options

LayerStrategy = Literal["together-then-head", "together", "head-first", "frozen"]
"""Which layers stages 1 and 2 change, and when."""
ExpertLearning = Literal["joint", "isolated", "isolated-then-joint"]
"""How stage 4 makes n_s experts of the shared head."""
EarlyStopping = Literal["patience", "cap"]
"""What the number ``patience`` means for stage 4."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LearningConfig:
    """Settings of source learning; the defaults are the paper's (Section 4), but for the step size of stage 4.

    Attributes:
        backbone: torchvision name of the feature extractor.
        weights: ``none``, ``imagenet`` or the path of a weights file.
        input_size: side of the backbone's square input, pixels.
        backbone_optimizer: optimizer of stage 1.
        backbone_learning_rate: its step size; None takes the optimizer's default.
        backbone_epochs: passes over the frames in stage 1.
        layer_strategy: ``together-then-head`` learns backbone and head together, then the head alone (the paper);
            ``together`` leaves out the second; ``head-first`` learns the head alone before both; ``frozen`` keeps the
            backbone as it is. The last three need frames.
        optimizer: optimizer of the heads (stages 2 to 4).
        learning_rate: its step size in stages 2 and 3; None takes the optimizer's default.
        joint_learning_rate: its step size in stage 4; None takes 0.3 of the others' on standardised features, and the
            whole of it otherwise, as the paper does (measured: docs/differences.md).
        head_epochs: passes of stages 2 and 3 (shared head, gate alone).
        joint_epochs: passes of stage 4 (gate and experts together) at most.
        early_stopping: how stage 4 reads the paper's "early stopping after only five epochs": ``patience`` stops after
            so many epochs without a better validation loss, ``cap`` after so many epochs in all.
        patience: number of epochs for ``early_stopping``.
        expert_learning: ``joint`` learns experts and gate together (the paper); ``isolated`` tunes every expert on the
            rows of one person alone; ``isolated-then-joint`` does both.
        standardize: stages 2 to 4 take their steps on features standardised by the statistics of the training rows,
            so that one step size fits features of any norm; the head stays a function of the features as they are (see
            :mod:`pen_mobile.training.feature_scaling`). The paper does not say so.
        batch_size: samples a step, in every stage.
        lambda_0: weight of the selector loss (Eq. 4).
        lambda_1: weight of the gate's sparsity (Eqs. 4 and 8).
        loss_convention: how the sums of Eqs. 5 and 7 are meant, ``paper`` (as written) or ``keras`` (means; see
            :mod:`pen_mobile.models.losses`).
        backbone_saw_people: whether these source people taught the backbone; None says yes where stage 1 does that, and
            no for given features and a frozen backbone. Such people look more alike than others, so the prior is then
            wider and the guard judges less.
        validation_fraction: share of every source person's rows held out.
        augment: show the backbone its training frames mirrored, shifted, scaled, turned and lit a little
            differently at every pass (see :mod:`pen_mobile.training.augmentation`); the paper does not.
        frame_cache_gb: decoded frames of image files may take this much disk while the run is made, GiB.
        max_steps: stop every stage after this many steps; for trying things out.
        seed: decides initial weights, the held-out rows and the order of batches.
        split_seed: decides the held-out rows instead, so that other seeds hold out the same rows; None is the seed.
    """

    backbone: str = "resnet50"
    weights: str = "imagenet"
    input_size: Count = 224
    backbone_optimizer: OptimizerName = "adadelta"
    backbone_learning_rate: Positive | None = None
    backbone_epochs: Count = 10
    layer_strategy: LayerStrategy = "together-then-head"
    optimizer: OptimizerName = "adadelta"
    learning_rate: Positive | None = None
    joint_learning_rate: Positive | None = None
    head_epochs: Count = 30
    joint_epochs: Count = 30
    early_stopping: EarlyStopping = "patience"
    patience: Count = 5
    expert_learning: ExpertLearning = "joint"
    standardize: Flag = True
    batch_size: Count = 32
    lambda_0: NotNegative = 1e-3
    lambda_1: NotNegative = 1e-3
    loss_convention: LossConvention = "paper"
    backbone_saw_people: Flag | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.2
    augment: Flag = False
    frame_cache_gb: NotNegative = 8.0
    max_steps: Count | None = None
    seed: Seed = 0
    split_seed: Seed | None = None

    @property
    def joint_step_size(self) -> float:
        """Step size of stage 4."""
        usual = self.learning_rate or OPTIMIZERS[self.optimizer].learning_rate
        return self.joint_learning_rate or (0.3 * usual if self.standardize else usual)

    def saw_people(self, *, has_frames: bool) -> bool:
        """Return whether the source people taught the backbone.

        Args:
            has_frames: False for given features.
        """
        learned_here = has_frames and self.layer_strategy != "frozen"
        return learned_here if self.backbone_saw_people is None else self.backbone_saw_people

    def halves(self, table: SubjectTable) -> tuple[Rows, Rows]:
        """Return row numbers to learn from and to validate on, for a table of source people.

        Args:
            table: the people.
        """
        seed = self.seed if self.split_seed is None else self.split_seed
        return validation_split(table, self.validation_fraction, seed)

    @classmethod
    def load(cls, path: Path | None, **overrides: Any) -> LearningConfig:
        """Read a TOML file (or none) and let every override that is not None replace its key.

        Args:
            path: the file; None takes the defaults.
            overrides: options of the command line, by the names of the fields.

        Raises:
            BadInput: an unknown key, or a value that makes no sense.
        """
        values = {} if path is None else read_toml(path)
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise BadInput(f"{path}: unknown key {key!r}; {choices(key, known)}")
        return validated(cls, values, str(path)).changed(**overrides)

    def changed(self, **overrides: Any) -> LearningConfig:
        """Return the settings with others for some fields.

        Args:
            overrides: values by the names of the fields; None keeps a field.

        Raises:
            BadInput: a value that makes no sense.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        return validated_options(type(self), dataclasses.asdict(self) | given)
