"""Recipes: for which target a bundle is made, as TOML files in ``export/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.part import OptimizerName, Part
from pen_mobile.contract.strategy import Strategy
from pen_mobile.errors import BadInput
from pen_mobile.utils.resources import contract_folder
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.toml import read_toml
from pen_mobile.utils.validation import validated

Backend = Literal["xnnpack", "vulkan"]


class HeadRecipe(Part):
    """Settings of the head's methods; ``export/android-fp32.toml`` explains every key.

    Attributes:
        lambda_1: None takes the value that the run learned with.
    """

    learning_rate: Annotated[dict[OptimizerName, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    batch: Annotated[int, Field(ge=1, le=4096)]
    steps_per_call: Annotated[int, Field(ge=1, le=64)]
    adapt_labels: Annotated[int, Field(ge=0, le=512)]
    lambda_1: Annotated[float, Field(ge=0)] | None = None

    @property
    def sparsity(self) -> float:
        """lambda_1, after :meth:`Recipe.for_run`."""
        assert self.lambda_1 is not None
        return self.lambda_1


class Tolerance(Part):
    """Largest differences from the float model that export accepts."""

    features: Annotated[float, Field(gt=0, le=0.5)]
    targets: Annotated[float, Field(gt=0, le=0.5)]
    train: Annotated[float, Field(gt=0, le=0.01)]
    report: Annotated[float, Field(gt=0, le=0.01)] = 1e-3


class QuantizationRecipe(Part):
    """Present when the backbone is int8; see the comments in ``export/android-int8.toml``."""

    cells: Annotated[int, Field(ge=1, le=16)]
    calibration_frames: Annotated[int, Field(ge=1)]
    judged_frames: Annotated[int, Field(ge=2)]
    max_ccc_loss: Annotated[float, Field(ge=0, le=1)]
    min_cosine: Annotated[float, Field(ge=-1, le=1)]
    max_float_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    qat_epochs: Annotated[int, Field(ge=0)] = 0
    qat_learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    retune_head_epochs: Annotated[int, Field(ge=0)]


class CoreMLRecipe(Part):
    """Present when the programs are for Core ML; see the comments in ``export/ios-coreml.toml``."""

    weights: Literal["fp32", "fp16", "int8", "palettized-4"]
    author: str
    licence: str


class Recipe(Part):
    """One target."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    precision: Literal["fp32", "int8"] = "fp32"
    backend: Backend = "xnnpack"
    quantization: QuantizationRecipe | None = None
    coreml: CoreMLRecipe | None = None
    head: HeadRecipe
    adaptation: AdaptationPart
    tolerance: Tolerance

    def for_run(self, lambda_1: float) -> Recipe:
        """Return the recipe with everything filled in that a run decides.

        Args:
            lambda_1: weight of the gate's sparsity that the run learned with.
        """
        if self.head.lambda_1 is not None:
            return self
        return self.model_copy(update={"head": self.head.model_copy(update={"lambda_1": lambda_1})})

    @model_validator(mode="after")
    def _int8_is_described(self) -> Recipe:
        if (self.quantization is not None) != (self.precision == "int8"):
            raise ValueError("precision int8 and the table [quantization] go together")
        if self.precision == "int8" and self.backend != "xnnpack":
            raise ValueError("int8 is for backend xnnpack")
        return self

    @model_validator(mode="after")
    def _prior_is_in_the_method(self) -> Recipe:
        if self.adaptation.strategy == Strategy.PRIOR and not self.head.adapt_labels:
            raise ValueError("adaptation.strategy prior needs the method adapt: head.adapt_labels must be above 0")
        return self

    @model_validator(mode="after")
    def _one_number_format(self) -> Recipe:
        for key in sorted({"precision", "backend"} & self.model_fields_set):
            if self.coreml is not None:
                raise ValueError(f"{key} is for ExecuTorch; under [coreml] the key is weights")
        return self


def recipe_names() -> list[str]:
    """Return the names of the built-in recipes."""
    return sorted(path.stem for path in contract_folder().glob("*.toml"))


def load_recipe(name_or_file: str) -> Recipe:
    """Read a built-in recipe by name, or any recipe by the path of its file.

    Raises:
        BadInput: there is none, or a key is unknown, missing or of the wrong kind.
    """
    built_in = contract_folder() / f"{name_or_file}.toml"
    path = built_in if name_or_file in recipe_names() else Path(name_or_file)
    if path.suffix.lower() != ".toml":
        raise BadInput(f"no recipe {name_or_file!r}; {choices(name_or_file, recipe_names())}, or give a .toml file")
    return validated(Recipe, read_toml(path), str(path))
