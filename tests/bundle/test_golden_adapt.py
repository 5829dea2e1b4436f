"""Label sets that prove the method ``adapt``: of every kind, unless rounding would decide the answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pen_mobile.bundle.golden import NO_FRAMES, Golden
from pen_mobile.bundle.golden_adapt import SCENARIOS, with_label_sets
from pen_mobile.models.prior import Prior
from pen_mobile.types import Floats
from tests.owners import a_prior

FEATURES, EXPERTS, TARGETS, LABELS = 8, 3, 2, 40


def golden_of(head_parameters: Floats, prior: Prior | None = None) -> Golden:
    empty = np.empty((0, FEATURES), np.float32)
    golden = Golden(NO_FRAMES, empty, empty[:, :2], empty[:, :2], empty[:, :3], {}, {}, {}, {})
    return with_label_sets(golden, prior or a_prior(FEATURES), head_parameters, LABELS)


def a_head(weights: float) -> Floats:
    """Return a head whose weights are drawn at random, times a factor, and whose biases are 0.3."""
    rng = np.random.default_rng(1)
    head = weights * rng.standard_normal((EXPERTS * (1 + TARGETS), FEATURES + 1))
    head[:, -1] = 0.3
    return head.astype(np.float32)


def test_a_head_that_tells_faces_apart_is_proved_by_every_kind() -> None:
    assert set(golden_of(a_head(0.3)).adapt_rows) == set(SCENARIOS)


def test_a_head_that_says_the_same_of_every_face_holds_no_label_sets() -> None:
    """Outputs are 0.3 + about 1e-7, which float32 rounds to steps of 3e-8."""
    golden = golden_of(a_head(1e-7))
    assert not golden.adapt_rows
    assert golden.adapt_moments is not None


def test_a_feature_that_never_varies_is_its_mean_in_every_label_set() -> None:
    prior = a_prior(FEATURES)
    scale = prior.feature_scale.copy()
    scale[2] = 0
    golden = golden_of(a_head(0.3), replace(prior, feature_scale=scale))
    assert set(golden.adapt_rows) == set(SCENARIOS)
    assert golden.adapt_moments is not None
    np.testing.assert_array_equal(golden.adapt_moments[:, 2], np.float32(prior.feature_mean[2]))
