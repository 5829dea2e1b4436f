"""Quality of many stretches at once is the quality of each."""

from __future__ import annotations

import numpy as np

from pen_mobile.metrics import agreement
from pen_mobile.simulation.stretch_quality import quality_of_day, quality_of_stretches
from pen_mobile.targets import VALENCE_AROUSAL


def test_running_sums_agree_with_the_metrics() -> None:
    rng = np.random.default_rng(0)
    affect = rng.uniform(-1, 1, (200, 2)).astype(np.float32)
    predictions = (0.6 * affect + 0.3 + 0.2 * rng.normal(size=(200, 2))).astype(np.float32)
    begin, end = np.array([0, 0, 50, 190]), np.array([200, 2, 120, 200])
    quality = quality_of_stretches(predictions, affect, begin, end)
    for place, (first, last) in enumerate(zip(begin, end, strict=True)):
        expected = agreement(predictions[first:last], affect[first:last])
        np.testing.assert_allclose(quality.ccc[place], [expected.ccc_valence, expected.ccc_arousal], atol=1e-6)
        np.testing.assert_allclose(quality.rmse[place], [expected.rmse_valence, expected.rmse_arousal], atol=1e-6)


def test_constants() -> None:
    """A constant estimate of labels that vary has CCC 0; where nothing varies, or alone, CCC is undefined."""
    affect = np.array([[0.5, 0.1], [0.5, 0.3], [0.5, 0.2]], np.float32)
    quality = quality_of_day(np.full((3, 2), 0.2, np.float32), affect)
    assert np.isnan(quality.ccc[0, 0])
    assert abs(quality.ccc[0, 1]) < 1e-9
    np.testing.assert_allclose(quality.rmse[0], [0.3, np.sqrt(0.02 / 3)], atol=1e-6)
    assert quality.columns(VALENCE_AROUSAL)["ccc_valence"] == [None]
    assert np.isnan(quality_of_stretches(affect, affect, np.array([1]), np.array([2])).ccc).all()
