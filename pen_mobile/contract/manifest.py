"""The manifest: everything a phone must know about a bundle, checked when read."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.crop import Crop
from pen_mobile.contract.evidence import GoldenPart, QuantizationPart, SourcePart
from pen_mobile.contract.face import FacePart
from pen_mobile.contract.head import HeadPart
from pen_mobile.contract.limits import MAX_FILES
from pen_mobile.contract.model_card import ModelCard
from pen_mobile.contract.part import (
    CoreMLPart,
    Count,
    FileName,
    FilePart,
    MethodName,
    ModelName,
    Part,
    Precision,
    Serial,
    Sha256,
    TargetName,
)
from pen_mobile.targets import MAX_TARGETS, Targets

SCHEMA_VERSION = 2
"""Raised when a reader of the old version would go wrong; new optional keys do not raise it."""


class BackbonePart(Part):
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


class Manifest(Part):
    """``manifest.json``.

    Attributes:
        targets: what the model estimates, by name, in the order of every output and label; K of them, 1 to 8.
        label_range: smallest and largest label of every target, on the scale that people see; heads and stores work on
            the scale from -1 to 1.
        runtime: what executes the programs; ``coreml`` exists on Apple systems only.
        face: how a phone finds a face; without it the bundle takes aligned frames only.
        model, serial: name of the model, and the number of this bundle among its bundles, which only rises: a personal
            store refuses a lower one than it has seen. Null in bundles without.
        card: what the maker says about the model; null where nothing was said.
    """

    format: Literal["pen-mobile-bundle"]
    schema_version: Literal[2]
    recipe: str
    model: ModelName | None = None
    serial: Serial | None = None
    card: ModelCard | None = None
    runtime: Literal["executorch", "coreml"] = "executorch"
    precision: Precision
    targets: Annotated[list[TargetName], Field(min_length=1, max_length=MAX_TARGETS)]
    label_range: tuple[float, float]
    backbone: BackbonePart | None
    face: FacePart | None = None
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

    @functools.cached_property
    def labelling(self) -> Targets:
        """Names and range of the labels."""
        return Targets(tuple(self.targets), self.label_range)

    @model_validator(mode="after")
    def _targets_agree(self) -> Manifest:
        if len(set(self.targets)) < len(self.targets):
            raise ValueError("two targets have one name")
        if len(self.targets) != self.head.target_count:
            raise ValueError(f"{len(self.targets)} targets are named, the head has {self.head.target_count}")
        if not self.label_range[0] < self.label_range[1]:
            raise ValueError(f"label_range {list(self.label_range)} is not ascending")
        return self

    @model_validator(mode="after")
    def _serial_is_of_a_model(self) -> Manifest:
        if (self.model is None) != (self.serial is None):
            raise ValueError("model and serial go together")
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Manifest:
        named = [self.head.file, self.head.head_parameters, self.golden.file, self.store_schema]
        if self.backbone is not None:
            named.append(self.backbone.file)
            if self.backbone.feature_size != self.head.feature_size:
                raise ValueError(
                    f"backbone gives {self.backbone.feature_size} features, head takes {self.head.feature_size}"
                )
        if self.face is not None:
            named.append(self.face.file)
        for name in named:
            if name not in self.files:
                raise ValueError(f"file {name} is used but not listed under files")
        return self

    @model_validator(mode="after")
    def _face_is_the_crops(self) -> Manifest:
        if self.face is not None and (self.backbone is None or self.backbone.crop.detector != "blazeface"):
            raise ValueError("face is given, but backbone.crop does not ask for it")
        return self

    @model_validator(mode="after")
    def _programs_are_of_the_runtime(self) -> Manifest:
        head = self.head
        for program in (self.backbone, self.face, head.predict, *head.train, head.adapt):
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
