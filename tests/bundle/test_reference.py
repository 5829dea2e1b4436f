"""The float model's answers: trajectories that judge a runtime, whatever the features."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.bundle.reference import head_answers
from pen_mobile.network.heads import ExpertHead

FEATURES, EXAMPLES = 8, 16


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_no_golden_trajectory_diverges(scale: float) -> None:
    """At lr 1e-3 SGD on squared error diverges when lr x |z|^2 is far above 2: |z|^2 is about 8e6 at scale 1e3."""
    rng = np.random.default_rng(0)
    features = (scale * rng.standard_normal((EXAMPLES, FEATURES))).astype(np.float32)
    labels = rng.uniform(-1, 1, (EXAMPLES, 2)).astype(np.float32)
    recipe = load_recipe("android-fp32").head
    golden = head_answers(ExpertHead(FEATURES, 3), features, labels, recipe)
    for name, losses in golden.losses.items():
        assert losses.max() <= 10 * losses[0], name
        assert golden.hyper[name][1] == pytest.approx(recipe.lambda_1)
    assert golden.hyper["sgd"][0] == pytest.approx(1e-3) if scale == 1 else golden.hyper["sgd"][0] < 1e-5
