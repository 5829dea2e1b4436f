"""Which forms of long tests run: short ones by ``make test``, all by ``make test-nightly``.

A promise is kept by a test of every run. What only repeats it more often, or in more settings, is of the night:
marked ``nightly``, or a number by :func:`times`.
"""

from __future__ import annotations

import os

NIGHTLY = os.environ.get("PEN_MOBILE_NIGHTLY") == "1"


def times(usually: int, nightly: int) -> int:
    """Return how often a test repeats what it does."""
    return nightly if NIGHTLY else usually
