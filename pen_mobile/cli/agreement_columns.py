"""CCC and RMSE as columns of a table."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from pen_mobile.utils.text import decimal

if TYPE_CHECKING:
    from pen_mobile.metrics import Agreement

AGREEMENT_HEAD = ("CCC valence", "CCC arousal", "RMSE valence", "RMSE arousal")


def agreement_cells(agreement: Agreement) -> list[str]:
    """Return the entries below :data:`AGREEMENT_HEAD`.

    Args:
        agreement: CCC and RMSE; None where one is not defined.
    """
    return [decimal(value) for value in astuple(agreement)]
