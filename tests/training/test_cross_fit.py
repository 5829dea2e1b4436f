"""Heads of folds: learned side by side, each as if it were alone, and none has seen whom it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pen_mobile.training.config import ExpertLearning, LearningConfig
from pen_mobile.training.prior.cross_fit import SourceRows, _of_one_shape, cross_fitted_outputs, heads_without

CONFIG = LearningConfig(optimizer="adam", learning_rate=0.01, head_epochs=3, joint_epochs=2, batch_size=16)
FEATURES = 5


def some_rows(*lengths: int) -> SourceRows:
    """Return people with so many rows each."""
    rng, total = np.random.default_rng(3), sum(lengths)
    person = np.repeat(np.arange(len(lengths)), lengths)
    time = np.concatenate([np.arange(float(length)) for length in lengths])
    return SourceRows(rng.normal(size=(total, FEATURES)), rng.uniform(-1, 1, (total, 2)), person, time)


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ((20,) * 5, [5]),  # five folds of one person each
        ((20,) * 7, [2, 3]),  # people 0 and 5, and 1 and 6, are a fold each; 2, 3 and 4 are alone
        # 40 - 10 = 30 rows without one of the short, of which 24 learn: 2 steps of 16; 20 without the long: 16, 1 step
        ((20, 10, 10), [1, 2]),
    ],
)
def test_side_by_side_is_one_by_one(lengths: tuple[int, ...], sizes: list[int]) -> None:
    rows = some_rows(*lengths)
    folds = np.arange(len(lengths)) % min(len(lengths), 5)
    groups = _of_one_shape(rows, [folds[rows.person] == fold for fold in np.unique(folds)], CONFIG)
    assert sorted(map(len, groups)) == sizes
    for group in groups:
        together = heads_without(rows, group, CONFIG)
        for fold, head in zip(group, together, strict=True):
            torch.testing.assert_close(head, heads_without(rows, [fold], CONFIG)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("learning", ["isolated", "isolated-then-joint"])
def test_experts_in_isolation_learn_fold_by_fold(learning: ExpertLearning) -> None:
    rows, isolated = some_rows(20, 20, 20), replace(CONFIG, expert_learning=learning)
    held = [rows.person == number for number in range(3)]
    assert list(map(len, _of_one_shape(rows, held, isolated))) == [1, 1, 1]
    assert np.isfinite(cross_fitted_outputs(rows, isolated)).all()


def test_nobody_is_seen_by_the_head_of_the_own_fold() -> None:
    rows, changed = some_rows(20, 20, 20), some_rows(20, 20, 20)
    changed.z[changed.person == 1] += 1
    changed.y[changed.person == 1] *= -1
    held = [rows.person == number for number in range(3)]
    before, after = (heads_without(given, held, CONFIG) for given in (rows, changed))
    torch.testing.assert_close(after[1], before[1], atol=0, rtol=0)
    assert not torch.equal(after[0], before[0])
    assert not torch.equal(after[2], before[2])


def test_outputs_are_relative_to_whom_the_head_knows() -> None:
    rows = some_rows(20, 20, 20)
    outputs = cross_fitted_outputs(rows, CONFIG)
    head = heads_without(rows, [rows.person == 2], CONFIG)[0].double().numpy()
    z = np.hstack([rows.z, np.ones((60, 1))]) @ head.T  # two experts: gate rows 0 and 1, then e_00, e_01, e_10, e_11
    gate = np.exp(z[:, :2]) / np.exp(z[:, :2]).sum(axis=1, keepdims=True)
    said = (gate[:, :, None] * z[:, 2:].reshape(60, 2, 2)).sum(axis=1)
    np.testing.assert_allclose(outputs[40:], said[40:] - said[:40].mean(axis=0), atol=1e-9)


def test_a_fold_of_nearly_all_rows_leaves_few_to_learn_from() -> None:
    """Without the first of two people there are three rows, of which no fifth one could validate."""
    rows = some_rows(60, 3)
    found = cross_fitted_outputs(rows, CONFIG)
    assert np.isfinite(found).all()
