"""Results as plain values: what a JSON document can hold."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import numpy as np


def to_plain(value: Any) -> Any:
    """Return a value as dicts, lists, strings and numbers; a number that is not finite becomes None.

    Args:
        value: of a dataclass, a pydantic model, a named tuple, an array, an enum, a path, or containers of these.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = (field.name for field in dataclasses.fields(value) if field.repr)
        return {name: to_plain(getattr(value, name)) for name in shown}
    if hasattr(value, "model_dump"):
        return to_plain(value.model_dump())
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return to_plain(value._asdict())
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist())
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [to_plain(item) for item in value]
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Result:
    """A dataclass whose fields make a JSON document; fields with ``repr=False`` are left out."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain
