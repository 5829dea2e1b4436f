"""CCC and RMSE of valence and arousal, for tests that make results up."""

from __future__ import annotations

from pen_mobile.metrics import Agreement
from pen_mobile.targets import DEFAULT_TARGETS


def agreed(ccc_valence: float | None, ccc_arousal: float | None, rmse_valence: float, rmse_arousal: float) -> Agreement:
    """Return an agreement with these measures."""
    return Agreement.of(DEFAULT_TARGETS, (ccc_valence, ccc_arousal), (rmse_valence, rmse_arousal))
