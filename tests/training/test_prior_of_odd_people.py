"""The prior of people whose rows say little: it is learned all the same, and a phone can compute with it in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.golden import NO_FRAMES, Golden
from pen_mobile.bundle.golden_adapt import with_label_sets
from pen_mobile.bundle.programs.adapt import AdaptProgram
from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.data.table import FeatureTable
from pen_mobile.models.label_set import head_output
from pen_mobile.models.prior import Prior
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.prior.candidates import LEAST_NOISE, LEAST_SHARE
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.types import Floats
from tests.owners import Owner, called

CONFIG = LearningConfig(optimizer="adam", head_epochs=20, joint_epochs=20)
PEOPLE, FEATURES, LABELS = 9, 64, 32


def learned(z: Floats, y: Floats, folder: Path) -> Run:
    """Return a run of some people, features ``[P, N, D_z]`` and labels ``[P, N, 2]``, a second apart."""
    people, rows = y.shape[:2]
    table = FeatureTable(
        np.repeat([f"p{n}" for n in range(people)], rows),
        np.full(people * rows, "source"),
        np.tile(np.arange(float(rows)), people),
        y.reshape(-1, 2).astype(np.float32),
        features=z.reshape(people * rows, -1).astype(np.float32),
    )
    return learn_source(table, CONFIG, folder / "run")


def told(prior: Prior) -> Floats:
    return prior.level_variance + prior.gain_variance + prior.weight_variance


def largest_error(run: Run) -> float:
    """Return how far the program's answers are from the reference's, over every kind of label set."""
    prior, head = run.prior(), run.expert_head().head_parameters.detach().numpy()
    empty = np.empty((0, prior.feature_size), np.float32)
    golden = Golden(NO_FRAMES, empty, empty[:, :2], empty[:, :2], empty[:, :PEOPLE], {}, {}, {}, {})
    golden = with_label_sets(golden, prior, head, LABELS)
    program, errors = AdaptProgram(HeadSize(prior.feature_size, PEOPLE), prior, LABELS).eval(), []
    for name, rows in golden.adapt_rows.items():
        padding = (0, LABELS - len(rows))
        owner = Owner(
            head,
            np.pad(golden.adapt_moments[rows], (padding, (0, 0))),
            np.pad(golden.adapt_labels[name], (padding, (0, 0))),
            np.pad(np.ones(len(rows), np.float32), padding),
            np.pad(golden.adapt_times[name], padding),
        )
        adapted, _ = called(program, owner)
        answers = head_output(adapted.astype(np.float64), golden.adapt_moments.astype(np.float64), 2)
        expected = golden.adapt_targets[name]
        errors.append(np.abs(answers - expected).max() / max(1.0, np.abs(expected).max()))
    return float(np.max(errors))  # NaN if any is


@pytest.mark.slow
def test_a_few_nearly_equal_rows_of_people_far_apart(tmp_path: Path) -> None:
    """Within a person labels differ by .001, between people by .9: no label's noise is taken for less than a hundredth.

    Without that limit the least noise is 4e-9 beside levels of 1, and float32 answers NaN.
    """
    rng = np.random.default_rng(0)
    y = 0.9 * rng.choice([-1.0, 1.0], (PEOPLE, 1, 2)) + 1e-3 * rng.normal(size=(PEOPLE, 4, 2))
    z = y @ rng.normal(size=(2, FEATURES)) + 0.3 * rng.normal(size=(PEOPLE, 1, FEATURES))
    run = learned(z + 1e-3 * rng.normal(size=z.shape), y, tmp_path)
    prior = run.prior()
    least = LEAST_NOISE + LEAST_SHARE * told(prior)
    assert (prior.noise_variance >= least - 1e-15).all()
    assert (prior.noise_variance <= least + 1e-15).any()  # the rows alone suggest less
    assert largest_error(run) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_features_and_labels_that_never_change(value: float, tmp_path: Path) -> None:
    """The search for spreads has nothing to go by and ends where it started; it used to end in a LinAlgError."""
    run = learned(np.full((7, 4, 30), value), np.zeros((7, 4, 2)), tmp_path)
    prior = run.prior()
    assert np.isfinite(prior.noise_variance).all()
    assert np.isfinite(told(prior)).all()
