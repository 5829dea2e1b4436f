"""CCC and RMSE as columns of a table."""

from __future__ import annotations

from collections.abc import Iterable

from pen_mobile.utils.text import decimal

AGREEMENT_HEAD = ("CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal")


def agreement_cells(values: Iterable[float | None]) -> list[str]:
    """Return the entries below :data:`AGREEMENT_HEAD`.

    Args:
        values: CCC and RMSE; None where one is not defined.
    """
    return [decimal(value) for value in values]
