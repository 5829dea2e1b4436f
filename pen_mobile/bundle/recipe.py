"""Recipes: for which target a bundle is made, as TOML files in ``export/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pen_mobile.contract.manifest import AdaptationPart
from pen_mobile.errors import BadInput
from pen_mobile.resources import contract_folder
from pen_mobile.toml import read_toml


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeadRecipe(_Table):
    """The train program; see the comments in ``export/android-fp32.toml``."""

    optimizer: Literal["adadelta", "sgd", "adam"]
    learning_rate: Annotated[float, Field(gt=0)]
    lambda_1: Annotated[float, Field(ge=0)]
    batch: Annotated[int, Field(ge=1, le=4096)]
    steps_per_call: Annotated[int, Field(ge=1, le=64)]


class Tolerance(_Table):
    """Largest differences from the float model that export accepts."""

    features: Annotated[float, Field(gt=0)]
    affect: Annotated[float, Field(gt=0)]
    train: Annotated[float, Field(gt=0)]


class Recipe(_Table):
    """One target."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    precision: Literal["fp32"]
    head: HeadRecipe
    adaptation: AdaptationPart
    tolerance: Tolerance


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
    if path.suffix != ".toml":
        raise BadInput(f"no recipe {name_or_file!r}; built in are {', '.join(recipe_names())}, or give a .toml file")
    try:
        return Recipe.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{path}: {'.'.join(str(key) for key in first['loc'])}: {first['msg']}") from None
