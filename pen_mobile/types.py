"""Array types that the whole package shares; a docstring states the shape, a type states what an element is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Features, labels, head parameters."""

Doubles = NDArray[np.float64]
"""Times in seconds, and statistics."""

Rows = NDArray[np.intp]
"""Row numbers in a table."""

Image = NDArray[np.uint8]
"""RGB pixels, ``[H, W, 3]``, or a batch of frames ``[N, S, S, 3]``."""
