"""Label sets that prove the method ``adapt``: of every kind, unless rounding would decide the answers."""

from __future__ import annotations

import numpy as np

from pen_mobile.bundle.golden import NO_FRAMES, Golden
from pen_mobile.bundle.golden_adapt import SCENARIOS, with_label_sets
from pen_mobile.types import Floats
from tests.owners import a_prior

FEATURES, EXPERTS, TARGETS, LABELS = 8, 3, 2, 40


def golden_of(head_parameters: Floats) -> Golden:
    empty = np.empty((0, FEATURES), np.float32)
    golden = Golden(NO_FRAMES, empty, empty[:, :2], empty[:, :2], empty[:, :3], {}, {}, {}, {})
    return with_label_sets(golden, a_prior(FEATURES), head_parameters, LABELS)


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
