"""Values that come from outside, checked by pydantic and refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pen_mobile.errors import BadInput
from pen_mobile.utils.files import read_json

Checked = TypeVar("Checked")


def validated(kind: type[Checked], value: Any, where: str, strict: bool = True) -> Checked:
    """Return ``value`` as an instance of ``kind``.

    Args:
        kind: a pydantic model, a dataclass or any other type that pydantic checks.
        value: plain Python values, such as those of a JSON or TOML file.
        where: what messages name first, such as the file.
        strict: convert nothing: True, 1.0 and "1" are no integers. False reads numbers in words, of a command line.

    Raises:
        BadInput: a value does not fit; the message names the first one by its key.
    """
    try:
        return TypeAdapter(kind).validate_json(json.dumps(value), strict=strict)
    except ValidationError as error:
        raise BadInput(f"{where}: {first_problem(error)}") from None
    except (TypeError, ValueError) as error:  # such as a date, which TOML has
        raise BadInput(f"{where}: {error}") from None


def read_json_as(kind: type[Checked], path: Path) -> Checked:
    """Return the contents of a JSON file as an instance of ``kind``.

    Args:
        kind: a pydantic model, a dataclass, or another type that pydantic validates.
        path: the file.

    Raises:
        BadInput: the file is missing, is not JSON, or a value does not fit.
    """
    return validated(kind, read_json(path), str(path))


def first_problem(error: ValidationError) -> str:
    """Return the first problem as ``key.key: reason``.

    Args:
        error: what pydantic raised.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(key) for key in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def validated_options(kind: type[Checked], values: dict[str, Any]) -> Checked:
    """Return options of the command line as an instance of ``kind``.

    Args:
        kind: a pydantic model or dataclass whose fields are the options.
        values: field -> value.

    Raises:
        BadInput: a value does not fit; the message names the option.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise BadInput(f"--{option_problem(error)}") from None


def option_problem(error: ValidationError) -> str:
    """Return the first problem as ``some-key: reason``.

    Args:
        error: what pydantic raised.
    """
    key, separator, reason = first_problem(error).partition(": ")
    return key.split(".")[0].replace("_", "-") + separator + reason


Item = TypeVar("Item")

Count = Annotated[int, Field(ge=1, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


def unique(values: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the values when none of them comes twice; for pydantic's ``AfterValidator``.

    Args:
        values: hashable.

    Raises:
        ValueError: one comes twice.
    """
    if len(set(values)) < len(values):
        raise ValueError("must be without repetitions")
    return values
