"""A caution for models that estimate nothing, from the errors that a training run and a manifest record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MODEL = "s-PEN"


def absurd_error(
    validation: Mapping[str, Mapping[str, Any]], label_range: tuple[float, float] = (-1.0, 1.0)
) -> str | None:
    """Return a caution when a model errs more than always answering the middle of the range of labels ever could.

    Args:
        validation: CCC and RMSE (keys that begin with ``rmse``) on held-out rows of source people, by model.
        label_range: smallest and largest label.

    Returns:
        One line, or None when the errors are plausible.
    """
    errors = [value for name, value in validation.get(MODEL, {}).items() if name.startswith("rmse")]
    middle, limit = sum(label_range) / 2, (label_range[1] - label_range[0]) / 2
    worst = max((math.inf if value is None else value for value in errors), default=0.0)
    if worst <= limit:
        return None
    return (
        f"caution: on held-out rows of source people the error (RMSE) is {worst:.2f}; always answering {middle:g} "
        f"could not err by more than {limit:g}. This model estimates nothing: train it longer, with a smaller learning "
        "rate, or from a backbone with trained weights"
    )
