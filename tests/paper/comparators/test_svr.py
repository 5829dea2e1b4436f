"""The AVEC baseline: it learns what is linear, repairs by validation, and survives what is degenerate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.paper.comparators.svr import SvrSettings, fit_svr, thin
from pen_mobile.paper.comparators.trajectory import Trajectory, split_in_time

QUICK = SvrSettings(complexities=(1e-3, 1e-1), filters_s=(1.0, 4.0))


def linear_people(count: int = 4, rows: int = 120, size: int = 16, noise: float = 0.05) -> list[Trajectory]:
    """Slow features at 5 rows a second; affect is linear in the first two, whoever it is, plus noise."""
    dice = np.random.default_rng(1)
    people = []
    for number in range(count):
        time_s = np.arange(rows) / 5
        phase = dice.uniform(0, 6, size)
        z = (
            3
            + np.sin(time_s[:, None] * dice.uniform(0.3, 1.5, size) + phase)
            + 0.1 * dice.standard_normal((rows, size))
        )
        affect = 0.4 * (z[:, :2] - 3) + 0.1 + noise * dice.standard_normal((rows, 2))
        person = Trajectory(f"p{number}", z.astype(np.float32), time_s, affect.clip(-1, 1).astype(np.float32))
        people.append(person)
    return people


def test_it_learns_what_is_linear() -> None:
    """0.4 sin has deviation 0.28: the mean's error. What is left is the noise, 0.05, and a little."""
    *source, stranger = linear_people()
    comparator = fit_svr(*split_in_time(source), QUICK)
    found = agreement(comparator.predict(stranger.z, stranger.time_s), stranger.affect)
    mean = np.broadcast_to(np.concatenate([person.affect for person in source]).mean(axis=0), (len(stranger), 2))
    assert found.rmse < 0.5 * agreement(mean, stranger.affect).rmse
    assert found.ccc is not None
    assert found.ccc > 0.9
    assert all(fitted.validation_ccc > 0.9 for fitted in comparator.dimensions)


def test_valence_and_arousal_have_their_own_regressors() -> None:
    comparator = fit_svr(*split_in_time(linear_people(noise=0.0)), QUICK)
    for column, fitted in enumerate(comparator.dimensions):
        assert np.abs(fitted.weights).argmax() == column


def test_repair_is_chosen_for_noisy_features() -> None:
    """Rows of slow affect under loud noise of the features: a median over a second and more must help."""
    dice = np.random.default_rng(2)
    source = [
        replace(person, z=person.z + 1.5 * dice.standard_normal(person.z.shape).astype(np.float32))
        for person in linear_people(noise=0.0)
    ]
    training, validation = split_in_time(source)
    plain = fit_svr(training, validation, replace(QUICK, filters_s=()))
    repaired = fit_svr(training, validation, QUICK)
    for before, after in zip(plain.dimensions, repaired.dimensions, strict=True):
        assert after.repair.filter_s > 0
        assert after.validation_ccc > before.validation_ccc


def test_windows_follow_the_frame_rate_of_the_recording() -> None:
    """1.4 s are 7 rows of source people's 5 a second; of a recording with a row each 2 s they are no window."""
    comparator = fit_svr(*split_in_time(linear_people()), QUICK)
    spiky = replace(comparator.dimensions[0], repair=replace(comparator.dimensions[0].repair, filter_s=1.4))
    comparator = replace(comparator, dimensions=(spiky, spiky))
    z = linear_people()[0].z[:20].copy()
    z[10] += 20
    slow = comparator.predict(z, np.arange(20) * 2.0)
    assert np.abs(slow[10] - slow[9]).max() > 10 * np.abs(slow[9] - slow[8]).max()
    for fast in (comparator.predict(z), comparator.predict(z, np.arange(20) / 5)):
        assert np.abs(fast).max() < np.abs(slow).max()


class Listener:
    """Hears how many complexities were tried and how many were left."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Listener]:
        assert total == 2 * 5
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.heard.append((steps, note))

    def say(self, message: str) -> None:
        raise AssertionError(message)


def test_larger_complexities_are_left_once_they_do_not_help() -> None:
    """64 features, 4 x 32 rows, noisy labels: the larger C, the more noise is learnt."""
    listener = Listener()
    people = linear_people(rows=40, size=64, noise=0.3)
    settings = SvrSettings(complexities=(1e-3, 1e-1, 1.0, 10.0, 100.0), epsilon=0.0, filters_s=(), patience=1)
    comparator = fit_svr(*split_in_time(people), settings, listener)
    tried = [note for _, note in listener.heard if note]
    assert len(tried) < 10
    assert sum(steps for steps, _ in listener.heard) == 10
    assert all(fitted.complexity < 100 for fitted in comparator.dimensions)


def test_same_data_same_comparator() -> None:
    halves = split_in_time(linear_people())
    z = linear_people()[0].z
    np.testing.assert_array_equal(fit_svr(*halves, QUICK).predict(z), fit_svr(*halves, QUICK).predict(z))


def test_thinning_is_even_and_everybodys_share_is_the_same() -> None:
    """30 of 120 rows: 25 %. Of 100 rows 25 from first to last, of 20 rows 5: 0, 4.75, 9.5, 14.25, 19, rounded."""
    people = [linear_people(1, rows=100)[0], linear_people(1, rows=20)[0]]
    long, short = thin(people, 30)
    assert (len(long), len(short)) == (25, 5)
    assert (short.time_s * 5).round().tolist() == [0, 5, 10, 14, 19]
    assert (long.time_s[0], long.time_s[-1]) == (0, 99 / 5)
    assert [len(person) for person in thin(people, 120)] == [100, 20]
    assert [len(person) for person in thin(people, 2)] == [1, 1]


def short_people(affect: float | None = None, size: int = 16, rows: int = 3) -> list[Trajectory]:
    dice = np.random.default_rng(3)
    people = []
    for number in range(2):
        labels = dice.uniform(-0.5, 0.5, (rows, 2)) if affect is None else np.full((rows, 2), affect)
        z = dice.standard_normal((rows, size)).astype(np.float32)
        people.append(Trajectory(f"p{number}", z, np.arange(rows) / 25, labels.astype(np.float32)))
    return people


@pytest.mark.parametrize("size", [16, 2048])
def test_people_with_three_samples(size: int) -> None:
    people = short_people(size=size)
    estimate = fit_svr(*split_in_time(people, 0.3), QUICK).predict(people[0].z, people[0].time_s)
    assert estimate.shape == (3, 2)
    assert estimate.dtype == np.float32
    assert np.isfinite(estimate).all()


def test_constant_labels_are_estimated_as_they_are() -> None:
    people = short_people(affect=0.25)
    np.testing.assert_allclose(fit_svr(*split_in_time(people, 0.3), QUICK).predict(people[1].z), 0.25, atol=1e-6)


def test_constant_features_leave_the_mean_label() -> None:
    people = [replace(person, z=np.ones_like(person.z)) for person in short_people()]
    training, validation = split_in_time(people, 0.3)
    mean = np.concatenate([person.affect for person in training]).mean(axis=0)
    estimate = fit_svr(training, validation, QUICK).predict(np.full((2, 16), 7, np.float32))
    np.testing.assert_allclose(estimate, [mean, mean], atol=1e-6)


def test_one_validation_person_with_one_sample() -> None:
    people = linear_people(2, rows=20)
    comparator = fit_svr(people, [people[0].cut(4, 5)], QUICK)
    assert np.isfinite(comparator.predict(people[1].z)).all()
    assert [fitted.complexity for fitted in comparator.dimensions] == [1e-3, 1e-3]


def test_one_row_each_has_no_frame_rate() -> None:
    people = [person.cut(0, 1) for person in short_people()]
    assert np.isfinite(fit_svr(people, people[:1], QUICK).predict(people[0].z, people[0].time_s)).all()


def test_too_few_training_samples() -> None:
    person = short_people()[0]
    with pytest.raises(BadInput, match="1 training samples; a comparator needs at least 2"):
        fit_svr([person.cut(0, 1)], [person])


def test_another_width_is_refused() -> None:
    comparator = fit_svr(*split_in_time(linear_people()), QUICK)
    with pytest.raises(BadInput, match=r"\[T, 16\]"):
        comparator.predict(np.zeros((5, 17), np.float32))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"complexities": ()}, "complexities"),
        ({"complexities": (0.0, 1.0)}, "complexities"),
        ({"complexities": (1.0, 0.1)}, "rising"),
        ({"patience": 0}, "patience"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"training_rows": 1}, "training_rows"),
        ({"filters_s": (-1.0,)}, "filters_s"),
    ],
)
def test_settings_that_make_no_sense(changed: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput, match=f"comparator svr: .*{what}"):
        SvrSettings(**changed)  # type: ignore[arg-type]
