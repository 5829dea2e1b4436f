"""One person's moments, as a phone sees them: 80 of them, twelve minutes apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.table import FrameTable
from pen_mobile.phone.phone import Phone
from pen_mobile.simulation.day_trace import Moments


@pytest.fixture(scope="session")
def moments(bundle_folder: Path, people: FrameTable) -> Moments:
    rows = people.rows_of("target-01")
    with Phone.open(bundle_folder) as phone:
        z = phone.runtime.features(people.frames.read(rows))
        predictions, _ = phone.predict_features(z)
    # somebody whom a few labels help for certain: the tiny model has learned too little for the real ones
    affect = np.clip(predictions + np.array([0.3, -0.2], np.float32), -1, 1)
    return Moments(7 * 3600 + 720.0 * np.arange(len(rows)), z, affect)
