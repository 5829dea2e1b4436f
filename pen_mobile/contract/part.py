"""What every part of a manifest is made of: checked names, counts and files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pen_mobile.contract.limits import MAX_BYTES
from pen_mobile.targets import TARGET_NAME

FILE_NAME = r"[a-z0-9][a-z0-9_.-]{0,63}"
FileName = Annotated[str, Field(pattern=f"^{FILE_NAME}$")]
MethodName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
TargetName = Annotated[str, Field(pattern=f"^{TARGET_NAME}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Serial = Annotated[int, Field(ge=1, le=(1 << 53) - 1)]
"""JSON readers in every language hold it exactly."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=1 << 24)]
Tolerance = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
"""Beyond half of the largest expected value, agreement says nothing."""
ExactTolerance = Annotated[float, Field(ge=0, le=0.01, allow_inf_nan=False)]
"""Of the head, which is float32 in every bundle."""
Precision = Literal["fp32", "fp16", "int8", "palettized-4"]
"""How the numbers of a backbone are stored."""
OptimizerName = Literal["adadelta", "sgd", "adam"]


class Part(BaseModel):
    """A table of the manifest, of a recipe or of a profile: no unknown keys, no NaN, not changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FilePart(Part):
    """One file of the bundle."""

    bytes: Annotated[int, Field(ge=0, le=MAX_BYTES)]
    sha256: Sha256


class CoreMLPart(Part):
    """What Core ML needs to call a program; present exactly when the bundle's runtime is ``coreml``.

    The program is the package ``METHOD.mlpackage`` inside its ``file``, a zip archive stored without compression.

    Attributes:
        inputs, outputs: names of the features, in the order in which the method's inputs and outputs are listed here.
        weights: hash of every number in the program as it was converted (``bundle/mil_evaluation.py``).
    """

    inputs: Annotated[list[str], Field(min_length=1)]
    outputs: Annotated[list[str], Field(min_length=1)]
    weights: Sha256
