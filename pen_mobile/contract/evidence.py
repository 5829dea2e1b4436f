"""The evidence in a manifest: golden vectors, the cost of int8, and the people behind the model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pen_mobile.contract.part import Count, ExactTolerance, FileName, Part, Sha256, Tolerance


class GoldenPart(Part):
    """Inputs with the answers of the float model, and how far a runtime may be from them.

    A tolerance bounds the largest difference, divided by the largest expected value when that is above 1. It has a cap:
    a bundle cannot allow itself any answer.
    """

    file: FileName
    feature_tolerance: Tolerance
    target_tolerance: Tolerance
    train_tolerance: ExactTolerance
    report_tolerance: ExactTolerance


class QuantizationTrial(Part):
    """What was measured with some blocks of the backbone in float and the others in int8.

    Attributes:
        qat_epochs: epochs of quantization-aware fine-tuning before.
    """

    float_blocks: list[str]
    ccc_loss: float
    cosine: float
    qat_epochs: Annotated[int, Field(ge=0)] = 0


class QuantizationPart(Part):
    """How an ExecuTorch backbone came to int8, and what that cost on held-out rows of the source people.

    Attributes:
        float_blocks: parts of the network that stayed in float32.
        calibration_frames, judged_frames: how many frames decided the ranges, and how many judged the result.
        max_ccc_loss, ccc_loss: CCC of the float model minus CCC of the int8 program under the same head, mean over
            the targets: the most that the recipe allows, and what the runtime gave.
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


class SourcePart(Part):
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
