"""The manifest: everything a phone must know about a bundle, checked when read."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pen_mobile.contract.crop import Crop
from pen_mobile.contract.limits import MAX_BYTES, MAX_FILES
from pen_mobile.contract.strategy import Strategy

SCHEMA_VERSION = 1
"""Raised when a reader of the old version would go wrong; new optional keys do not raise it."""

FILE_NAME = r"[a-z0-9][a-z0-9_.-]{0,63}"
FileName = Annotated[str, Field(pattern=f"^{FILE_NAME}$")]
MethodName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=1 << 24)]
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Precision = Literal["fp32", "fp16", "int8", "palettized-4"]
"""How the numbers of a backbone are stored."""
OptimizerName = Literal["adadelta", "sgd", "adam"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FilePart(_Part):
    """One file of the bundle."""

    bytes: Annotated[int, Field(ge=0, le=MAX_BYTES)]
    sha256: Sha256


class CoreMLPart(_Part):
    """What Core ML needs to call a program; present exactly when the bundle's runtime is ``coreml``.

    The program is the package ``METHOD.mlpackage`` inside its ``file``, a zip archive stored without compression.

    Attributes:
        inputs, outputs: names of the features, in the order in which the method's inputs and outputs are listed here.
        weights: hash of every number in the program as it was converted (``bundle/mil_evaluation.py``).
    """

    inputs: Annotated[list[str], Field(min_length=1)]
    outputs: Annotated[list[str], Field(min_length=1)]
    weights: Sha256


class BackbonePart(_Part):
    """The frozen feature extractor.

    Its method takes one frame, float32 ``[1, 3, size, size]``, RGB, values 0 to 255, and returns the
    feature, float32 ``[1, D_z]``. Normalisation is inside; ``mean`` and ``std`` only document it. ``backend`` is the
    ExecuTorch delegate it was lowered for, null for Core ML. ``identity`` is equal when features of two bundles mean
    the same (weights, crop, number format): a store keeps them across an update. Null in bundles of older exports.
    """

    file: FileName
    method: MethodName
    name: str
    feature_size: Count
    crop: Crop
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    backend: Literal["xnnpack", "vulkan"] | None
    identity: Sha256 | None = None
    coreml: CoreMLPart | None = None


class StateTensor(_Part):
    """One tensor of the head state, float32, in the order in which methods take and return them."""

    name: str
    shape: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)]

    @model_validator(mode="after")
    def _fits_in_memory(self) -> StateTensor:
        if 4 * math.prod(self.shape) > MAX_BYTES:
            raise ValueError(f"{self.shape} is larger than any bundle")
        return self


class HyperParameter(_Part):
    """One number of the ``hyper`` input, in order, with the value to use when in doubt."""

    name: str
    default: float


class TrainPart(_Part):
    """A train method: ``(state.., z [K,B,D_z], y [K,B,2], weight [K,B], hyper [H]) -> (state'.., loss [K])``.

    Attributes:
        optimizer: its name.
        state: what goes in and comes out. ``state[0]`` is the packed parameter matrix ``[1, 3 n_s, D_z + 1]``: gate
            rows, then valence and arousal of every expert; the last column is the bias. The others are the
            optimizer's slots, which start at zero.
        steps: K, optimizer steps in one call, each on its own batch.
        batch: B, samples a step; weight 0 pads a short one.
        constants: numbers baked into the program.
        hyper: numbers given at every call.
    """

    method: MethodName
    optimizer: OptimizerName
    state: Annotated[list[StateTensor], Field(min_length=1)]
    steps: Count
    batch: Count
    constants: dict[str, float]
    hyper: list[HyperParameter]
    coreml: CoreMLPart | None = None

    def default_hyper(self) -> list[float]:
        """Return the defaults for the ``hyper`` input, in order."""
        return [value.default for value in self.hyper]


class RidgePart(_Part):
    """Experts in closed form: ``(parameters, z [1,N,D_z], y [1,N,2], weight [1,N], looseness [1]) -> parameters'``.

    Attributes:
        labels: N, samples of one call; weight 0 pads.
        looseness: values to choose among, ascending; 0 moves everybody's offset alone.
    """

    method: MethodName
    labels: Count
    looseness: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    coreml: CoreMLPart | None = None


class PredictPart(_Part):
    """The predict method: ``(parameters, z [1,B,D_z]) -> (affect [1,B,2], gate [1,B,n_s])``."""

    method: MethodName
    batch: Count
    coreml: CoreMLPart | None = None


class HeadPart(_Part):
    """The trainable head: its methods and sizes.

    ``head_parameters`` holds the packed matrix with which every phone starts, row-major little-endian float32.

    Attributes:
        train: one method for each optimizer that the bundle carries.
        ridge: adaptation without steps; None where the bundle carries none.
    """

    file: FileName
    head_parameters: FileName
    expert_count: Count
    feature_size: Count
    predict: PredictPart
    train: Annotated[list[TrainPart], Field(min_length=1)]
    ridge: RidgePart | None = None

    @property
    def parameters_shape(self) -> tuple[int, int, int]:
        """Shape of the packed matrix, ``[1, 3 n_s, D_z + 1]``."""
        return 1, 3 * self.expert_count, self.feature_size + 1

    @property
    def strategies(self) -> list[Strategy]:
        """Strategies that the bundle carries."""
        return [Strategy.GRADIENT, *([] if self.ridge is None else [Strategy.OFFSET_RIDGE])]

    @property
    def optimizers(self) -> list[OptimizerName]:
        """Optimizers that the bundle carries a train method for."""
        return [part.optimizer for part in self.train]

    def trainer(self, optimizer: str) -> TrainPart:
        """Return the train method of an optimizer, which must be among those carried."""
        return next(part for part in self.train if part.optimizer == optimizer)

    @model_validator(mode="after")
    def _sizes_agree(self) -> HeadPart:
        for part in self.train:
            if part.state[0].shape != self.parameters_shape:
                raise ValueError(
                    f"state[0] of {part.method} has shape {part.state[0].shape}, but n_s and D_z ask for "
                    f"{self.parameters_shape}"
                )
        if len({part.optimizer for part in self.train}) < len(self.train):
            raise ValueError("two train methods have one optimizer")
        return self


class AdaptationPart(_Part):
    """How a phone adapts unless its owner's app says otherwise.

    Attributes:
        strategy: one of those that the head carries.
        optimizer: of gradient steps; one of those that the head carries a train method for.
        steps: optimizer steps of one training at most.
        check_every: steps between looks at the held-out labels.
        patience: looks without improvement before stopping.
        held_out: share of the labels that never train; half of it decides when to stop, half whether to accept.
        min_labels: below this many labels the phone declines.
        margin: the new state is accepted when its held-out error is at most the old one's plus this.
        hold_out_from: below this many labels every label judges in its turn (cross-validation), and the head that is
            kept learned from all of them; from here on, labels are held out once.
        seconds: wall time of gradient steps at most, over all trainings; None is no limit.
        on_interrupt: whether the next adaptation goes on with one that was interrupted, or nothing of it is kept.
        save_seconds: a kill loses no more than so much training and ``check_every`` steps; 0 notes every look.
    """

    strategy: Literal[Strategy.GRADIENT, Strategy.OFFSET_RIDGE]
    optimizer: OptimizerName
    steps: Count
    check_every: Count
    patience: Count
    held_out: Annotated[float, Field(gt=0, lt=1)]
    min_labels: Annotated[int, Field(ge=4, le=1 << 20)]
    margin: Annotated[float, Field(ge=0, le=1)]
    hold_out_from: Annotated[int, Field(ge=0, le=1 << 20)] = 120
    seconds: Annotated[float, Field(gt=0)] | None = None
    on_interrupt: Literal["resume", "discard"] = "resume"
    save_seconds: Annotated[float, Field(ge=0)] = 1.0


class GoldenPart(_Part):
    """Inputs with the answers of the float model, and how far a runtime may be from them.

    A tolerance bounds the largest difference, divided by the largest expected value when that is above 1.
    """

    file: FileName
    feature_tolerance: Tolerance
    affect_tolerance: Tolerance
    train_tolerance: Tolerance


class QuantizationTrial(_Part):
    """What was measured with some blocks of the backbone in float and the others in int8.

    Attributes:
        qat_epochs: epochs of quantization-aware fine-tuning before.
    """

    float_blocks: list[str]
    ccc_loss: float
    cosine: float
    qat_epochs: Annotated[int, Field(ge=0)] = 0


class QuantizationPart(_Part):
    """How an ExecuTorch backbone came to int8, and what that cost on held-out rows of the source people.

    Attributes:
        float_blocks: parts of the network that stayed in float32.
        calibration_frames, judged_frames: how many frames decided the ranges, and how many judged the result.
        max_ccc_loss, ccc_loss: CCC of the float model minus CCC of the int8 program under the same head, mean of
            valence and arousal: the most that the recipe allows, and what the runtime gave.
        min_cosine, cosine: mean cosine between int8 and float features, likewise.
        ccc_loss_retuned: the loss under the head that ships, when one was tuned on int8 features; ``ccc_loss`` again
            where the tuned head was worse and the run's own ships. None when none was tuned.
        tried: every trial, in order; the last is the shipped program in the runtime.
    """

    float_blocks: list[str]
    calibration_frames: Count
    judged_frames: Count
    max_ccc_loss: float
    ccc_loss: float
    min_cosine: float
    cosine: float
    ccc_loss_retuned: float | None = None
    tried: list[QuantizationTrial]


class SourcePart(_Part):
    """Where the model comes from.

    Attributes:
        subjects: how many source people.
        data_digest: hash of their table.
        synthetic: True when they are invented; then no number may be compared with real people's.
        validation: CCC and RMSE of s-SN and s-PEN on held-out rows of the source people.
        seed: seed of the training run.
        versions: what made it.
    """

    subjects: Count
    data_digest: Sha256
    synthetic: bool
    validation: dict[str, dict[str, float | None]]
    seed: int
    versions: dict[str, str]


class Manifest(_Part):
    """``manifest.json``; labels are always valence, then arousal, each in [-1, 1].

    Attributes:
        runtime: what executes the programs; ``coreml`` exists on Apple systems only.
    """

    format: Literal["pen-mobile-bundle"]
    schema_version: Literal[1]
    recipe: str
    runtime: Literal["executorch", "coreml"] = "executorch"
    precision: Precision
    affect: tuple[Literal["valence"], Literal["arousal"]]
    affect_range: tuple[Literal[-1], Literal[1]]
    backbone: BackbonePart | None
    head: HeadPart
    quantization: QuantizationPart | None = None
    adaptation: AdaptationPart
    golden: GoldenPart
    store_schema: FileName
    source: SourcePart
    files: Annotated[
        dict[FileName, FilePart], Field(max_length=MAX_FILES, json_schema_extra={"additionalProperties": False})
    ]

    @property
    def frame_size(self) -> int | None:
        """Side of the frames that the backbone takes, pixels; None when there is no backbone."""
        return None if self.backbone is None else self.backbone.crop.size

    @model_validator(mode="after")
    def _parts_agree(self) -> Manifest:
        named = [self.head.file, self.head.head_parameters, self.golden.file, self.store_schema]
        if self.backbone is not None:
            named.append(self.backbone.file)
            if self.backbone.feature_size != self.head.feature_size:
                raise ValueError(
                    f"backbone gives {self.backbone.feature_size} features, head takes {self.head.feature_size}"
                )
        for name in named:
            if name not in self.files:
                raise ValueError(f"file {name} is used but not listed under files")
        return self

    @model_validator(mode="after")
    def _programs_are_of_the_runtime(self) -> Manifest:
        head = self.head
        for program in (self.backbone, head.predict, *head.train, head.ridge):
            if program is not None and (program.coreml is not None) != (self.runtime == "coreml"):
                raise ValueError(f"program {program.method} does not say what runtime {self.runtime} needs")
        return self

    @model_validator(mode="after")
    def _strategy_is_carried(self) -> Manifest:
        plan, head = self.adaptation, self.head
        if plan.strategy not in head.strategies:
            raise ValueError(f"adaptation.strategy {plan.strategy} is not among {', '.join(head.strategies)}")
        if plan.optimizer not in head.optimizers:
            raise ValueError(f"adaptation.optimizer {plan.optimizer} is not among {', '.join(head.optimizers)}")
        return self
