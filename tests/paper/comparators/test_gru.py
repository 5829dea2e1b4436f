"""End2You's recurrent part: its loss is CCC, it uses time, keeps its best weights, and never answers NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.paper.comparators.gru import GruSettings, concordance_loss, fit_gru
from pen_mobile.paper.comparators.trajectory import Trajectory, split_in_time

TINY = GruSettings(hidden_size=16, sequence_length=20, batch_size=2, learning_rate=0.02, epochs=12, patience=12)


def delayed_people(count: int = 3, rows: int = 100, size: int = 2) -> list[Trajectory]:
    """Affect is half of what the features were one row before: no single row tells it."""
    dice = np.random.default_rng(4)
    people = []
    for number in range(count):
        z = dice.choice([-1.0, 1.0], (rows, size)).astype(np.float32)
        affect = np.concatenate([np.zeros((1, 2)), 0.5 * z[:-1, :2]]).astype(np.float32)
        people.append(Trajectory(f"p{number}", z, np.arange(rows) / 25, affect))
    return people


def of_lists(estimate: list[float], label: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Both dimensions alike."""
    pair = torch.tensor([estimate, label], dtype=torch.float64)
    return pair[0].expand(2, -1).T, pair[1].expand(2, -1).T


def test_the_loss_worked_out() -> None:
    """Estimates 0 1 2, labels 1 2 6: means 1 and 3, (3 - 1)^2 = 4.

    Over N = 3: cov (2 + 0 + 3) / 3 = 5/3, variances 2/3 and 14/3: CCC 2 * 5/3 / (16/3 + 4) = (10/3) / (28/3) = 5/14.
    Over N - 1 = 2 as agreement(): cov 5/2, variances 1 and 7: CCC 5 / (8 + 4) = 5/12.
    """
    estimate, label = of_lists([0, 1, 2], [1, 2, 6])
    assert concordance_loss(estimate, label).item() == pytest.approx(1 - 5 / 14, abs=1e-8)
    assert agreement(estimate.numpy(), label.numpy()).ccc == pytest.approx(5 / 12)


def test_with_equal_means_the_loss_is_the_metric() -> None:
    """Estimates -1 0 1, labels -2 0 2: cov 4/3, variances 2/3 and 8/3 over N, CCC (8/3) / (10/3) = 4/5.

    N - 1 in place of N multiplies numerator and denominator alike.
    """
    estimate, label = of_lists([-1, 0, 1], [-2, 0, 2])
    assert concordance_loss(estimate, label).item() == pytest.approx(1 / 5, abs=1e-8)
    assert agreement(estimate.numpy(), label.numpy()).ccc == pytest.approx(4 / 5)


def test_for_many_samples_loss_and_metric_agree() -> None:
    dice = np.random.default_rng(5)
    label = dice.uniform(-1, 1, (5000, 2))
    estimate = 0.6 * label + 0.2 + 0.1 * dice.standard_normal((5000, 2))
    ccc = agreement(estimate, label).ccc
    assert ccc is not None
    assert 1 - concordance_loss(torch.from_numpy(estimate), torch.from_numpy(label)).item() == pytest.approx(
        ccc, abs=1e-4
    )


def test_constant_labels_count_squared_error() -> None:
    """Valence labels 0.5 throughout, estimates 0 and 1: error 0.25. Arousal perfect: 0. Mean 0.125."""
    estimate = torch.tensor([[0.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    label = torch.tensor([[0.5, -1.0], [0.5, 1.0]], dtype=torch.float64)
    assert concordance_loss(estimate, label).item() == pytest.approx(0.125, abs=1e-7)


@pytest.mark.parametrize("label", [[[0.3, 0.3]], [[0.3, 0.3], [0.3, 0.3]], [[0.3, 0.1], [0.3, 0.2]]])
def test_gradients_are_finite_whatever_is_constant(label: list[list[float]]) -> None:
    affect = torch.tensor(label)
    estimate = torch.full_like(affect, 0.3).requires_grad_()
    concordance_loss(estimate, affect).backward()
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()


def test_it_learns_what_only_time_tells() -> None:
    """The mean predictor's error is the labels' deviation, 0.5; no function of single rows does better."""
    *source, stranger = delayed_people()
    comparator = fit_gru(*split_in_time(source), TINY)
    found = agreement(comparator.predict(stranger.z), stranger.affect)
    mean = np.broadcast_to(np.concatenate([person.affect for person in source]).mean(axis=0), (len(stranger), 2))
    assert found.rmse < 0.5 * agreement(mean, stranger.affect).rmse
    assert found.ccc is not None
    assert found.ccc > 0.8
    assert comparator.validation_losses[comparator.best_epoch] < 0.3 < comparator.validation_losses[0]


def test_an_estimate_depends_on_the_past_only() -> None:
    person = delayed_people(1)[0]
    comparator = fit_gru(*split_in_time([person]), replace(TINY, epochs=1))
    whole, beginning = comparator.predict(person.z), comparator.predict(person.z[:30])
    np.testing.assert_allclose(whole[:30], beginning, atol=1e-6)
    changed = person.z.copy()
    changed[0] += 3
    assert not np.allclose(comparator.predict(changed)[5], whole[5], atol=1e-6)


def test_padding_changes_nothing() -> None:
    """Sequences of 20 and 7 rows in one batch: the loss is that of the 27 rows, computed one recording at a time."""
    from lightning_fabric import Fabric

    from pen_mobile.paper.comparators.gru import _Trainer

    people = [person.cut(0, rows) for person, rows in zip(delayed_people(2), (20, 7), strict=True)]
    trainer = _Trainer(Fabric(accelerator="cpu", devices=1), TINY, people, people[:1])
    with torch.no_grad():
        batch = trainer._loss(trainer.sequences)
        alone = torch.cat([trainer.module(torch.from_numpy(person.z)[None])[0] for person in people])
        affect = torch.from_numpy(np.concatenate([person.affect for person in people]))
    assert [len(sequence) for sequence in trainer.sequences] == [20, 7]
    assert batch.item() == pytest.approx(concordance_loss(alone, affect).item(), abs=1e-6)


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    people = delayed_people(2, rows=20)
    z = people[0].z
    one, again, other = (
        fit_gru(*split_in_time(people), replace(TINY, epochs=2, seed=seed)).predict(z) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_callers_dice_are_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit_gru(*split_in_time(delayed_people(2, rows=10)), replace(TINY, epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_training_stops_when_validation_does_not_improve() -> None:
    """Validation labels are the training labels turned round: what is learnt makes it worse, 2 epochs are waited."""
    training, validation = split_in_time(delayed_people(2, rows=40))
    turned = [replace(person, affect=-person.affect) for person in validation]
    comparator = fit_gru(training, turned, replace(TINY, epochs=30, patience=2))
    losses = comparator.validation_losses
    assert len(losses) == comparator.best_epoch + 1 + 2 < 31
    assert losses[comparator.best_epoch] == min(losses)


def test_the_best_weights_are_kept() -> None:
    training, validation = split_in_time(delayed_people(2, rows=40))
    comparator = fit_gru(training, validation, replace(TINY, learning_rate=0.2, epochs=4))
    estimate = np.concatenate([comparator.predict(person.z) for person in validation])
    affect = np.concatenate([person.affect for person in validation])
    loss = concordance_loss(torch.from_numpy(estimate), torch.from_numpy(affect))
    assert loss.item() == pytest.approx(comparator.validation_losses[comparator.best_epoch], abs=1e-6)


def short_people(size: int = 16, affect: float | None = None) -> list[Trajectory]:
    dice = np.random.default_rng(6)
    people = []
    for number in range(2):
        labels = dice.uniform(-0.5, 0.5, (3, 2)) if affect is None else np.full((3, 2), affect)
        z = dice.standard_normal((3, size)).astype(np.float32)
        people.append(Trajectory(f"p{number}", z, np.arange(3.0), labels.astype(np.float32)))
    return people


@pytest.mark.parametrize("size", [16, 2048])
def test_people_with_three_samples(size: int) -> None:
    people = short_people(size)
    estimate = fit_gru(*split_in_time(people, 0.3), replace(TINY, epochs=2)).predict(people[0].z)
    assert estimate.shape == (3, 2)
    assert estimate.dtype == np.float32
    assert np.isfinite(estimate).all()


def test_constant_labels_are_learnt_by_squared_error() -> None:
    people = short_people(affect=0.25)
    comparator = fit_gru(people, people, replace(TINY, epochs=30, patience=30))
    np.testing.assert_allclose(comparator.predict(people[0].z), 0.25, atol=0.1)


def test_one_validation_sample_and_constant_features() -> None:
    people = [replace(person, z=np.ones_like(person.z)) for person in short_people()]
    comparator = fit_gru(people, [people[0].cut(2, 3)], replace(TINY, epochs=2))
    assert np.isfinite(comparator.predict(np.full((4, 16), 1e6, np.float32))).all()


def test_too_few_training_samples() -> None:
    person = short_people()[0]
    with pytest.raises(BadInput, match="1 training samples; a comparator needs at least 2"):
        fit_gru([person.cut(0, 1)], [person])


def test_another_width_is_refused() -> None:
    comparator = fit_gru(*split_in_time(short_people(), 0.3), replace(TINY, epochs=1))
    with pytest.raises(BadInput, match=r"\[T, 16\]"):
        comparator.predict(np.zeros((5, 17), np.float32))


@pytest.mark.parametrize("name", ["hidden_size", "layers", "sequence_length", "batch_size", "epochs", "patience"])
def test_sizes_are_at_least_one(name: str) -> None:
    with pytest.raises(BadInput, match=f"comparator gru: {name} must be at least 1"):
        GruSettings(**{name: 0})  # type: ignore[arg-type]


def test_the_published_design_is_the_default() -> None:
    """End2You's released code; hidden units as in its PyTorch release."""
    usual = GruSettings()
    assert (usual.hidden_size, usual.layers, usual.sequence_length, usual.batch_size) == (256, 2, 150, 2)
    assert (usual.learning_rate, usual.epochs) == (1e-4, 50)
