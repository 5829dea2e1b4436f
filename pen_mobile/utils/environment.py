"""Settings in environment variables."""

from __future__ import annotations

import math
import os

from pen_mobile.errors import BadInput


def positive_setting(name: str, usual: float, wanted: str) -> float:
    """Return the positive number in an environment variable.

    Args:
        name: of the variable.
        usual: the number where the variable is empty or missing.
        wanted: what to give, with an example, for the message.

    Raises:
        BadInput: the variable is not a positive number.
    """
    text = os.environ.get(name, "")
    try:
        number = float(text) if text else usual
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise BadInput(f"{name} is {text!r}; give {wanted}")
    return number
