"""Recordings as sequences: what is accepted, how time is cut, how features are standardised."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.paper.comparators.trajectory import (
    Standardisation,
    Trajectory,
    check_learnable,
    checked_features,
    split_in_time,
    trajectories_of,
    usual_step,
)


def recording(rows: int, subject: str = "ann", size: int = 3) -> Trajectory:
    z = np.arange(rows * size, dtype=np.float32).reshape(rows, size)
    return Trajectory(subject, z, np.arange(rows) / 25, np.zeros((rows, 2), np.float32))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"z": np.zeros(4, np.float32)}, "features must be"),
        ({"z": np.zeros((0, 3), np.float32)}, "features must be"),
        ({"affect": np.zeros((4, 1), np.float32)}, "affect must be"),
        ({"time_s": np.arange(3.0)}, "time_s must be"),
        ({"z": np.full((4, 3), np.nan, np.float32)}, "z holds NaN"),
        ({"affect": np.full((4, 2), np.inf, np.float32)}, "affect holds NaN or infinity"),
        ({"time_s": np.array([0.0, 2.0, 1.0, 3.0])}, "order of time"),
    ],
)
def test_a_trajectory_that_makes_no_sense_is_one_line(changed: dict[str, np.ndarray], what: str) -> None:
    whole = recording(4)
    columns = {"z": whole.z, "time_s": whole.time_s, "affect": whole.affect, **changed}
    with pytest.raises(BadInput, match=f"'ann'.*{what}") as error:
        Trajectory("ann", **columns)
    assert "\n" not in str(error.value)


def test_the_usual_step_is_not_moved_by_a_gap() -> None:
    """Steps 0.5, 0.5, 7, 0.5: their median is 0.5."""
    assert usual_step(np.array([0.0, 0.5, 1.0, 8.0, 8.5])) == 0.5


@pytest.mark.parametrize("times", [[3.0], [2.0, 2.0]])
def test_one_instant_has_no_step(times: list[float]) -> None:
    assert usual_step(np.array(times)) is None


def test_the_last_fifth_of_everybody_validates() -> None:
    """20 % of 10 rows are rows 8 and 9; of 3 rows round(0.6) = 1; one single row is kept for training."""
    people = [recording(10, "ann"), recording(3, "bob"), recording(1, "cyd")]
    training, validation = split_in_time(people)
    assert [len(person) for person in training] == [8, 2, 1]
    assert [(person.subject, len(person)) for person in validation] == [("ann", 2), ("bob", 1)]
    assert validation[0].time_s.tolist() == [8 / 25, 9 / 25]
    np.testing.assert_array_equal(validation[0].z, people[0].z[8:])


def test_nobody_long_enough_to_validate() -> None:
    with pytest.raises(BadInput, match="hold 20% of them out"):
        split_in_time([recording(1), recording(1, "bob")])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_a_share_that_is_none(fraction: float) -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        split_in_time([recording(10)], fraction)


def table(**changed: np.ndarray | None) -> FeatureTable:
    columns = {
        "subject": np.array(["bob", "ann", "ann", "tom"]),
        "role": np.array(["source", "source", "source", "target"]),
        "time_s": np.array([0.0, 1.0, 0.5, 0.0]),
        "affect": np.array([[0, 0], [0.1, 0], [0.2, 0], [0.3, 0]], np.float32),
        "features": np.array([[1], [2], [3], [4]], np.float32),
    }
    return FeatureTable(**{**columns, **changed})


def test_a_table_becomes_recordings_in_order_of_time() -> None:
    ann, bob = trajectories_of(table(), "source")
    assert (ann.subject, bob.subject) == ("ann", "bob")
    assert ann.time_s.tolist() == [0.5, 1.0]
    assert ann.z.ravel().tolist() == [3, 2]
    assert [person.subject for person in trajectories_of(table(), "target")] == ["tom"]


def test_too_little_to_learn_from() -> None:
    with pytest.raises(BadInput, match="1 training samples"):
        check_learnable([recording(1)], [recording(3)])
    with pytest.raises(BadInput, match="0 training samples"):
        check_learnable([], [recording(3)])
    with pytest.raises(BadInput, match="no validation samples"):
        check_learnable([recording(3)], [])
    with pytest.raises(BadInput, match="'bob': 4 features a row; others have 3"):
        check_learnable([recording(3)], [recording(3, "bob", size=4)])
    check_learnable([recording(2)], [recording(1)])


@pytest.mark.parametrize("z", [np.zeros((2, 4)), np.zeros((0, 3)), np.zeros(3), np.full((1, 3), np.inf)])
def test_features_that_cannot_be_estimated(z: np.ndarray) -> None:
    with pytest.raises(BadInput, match="features"):
        checked_features(z, 3)


def test_standardisation_by_hand() -> None:
    """Column 0 is 0, 2 and 4 over two people: mean 2, variance (4 + 0 + 4) / 3. Column 1 never varies: 0 for all."""
    one = Trajectory("ann", np.array([[0, 5], [2, 5]], np.float32), np.arange(2.0), np.zeros((2, 2), np.float32))
    two = Trajectory("bob", np.array([[4, 5]], np.float32), np.zeros(1), np.zeros((1, 2), np.float32))
    known = Standardisation.of([one, two]).apply(np.array([[2, 5], [6, 900]], np.float32))
    np.testing.assert_allclose(known, [[0, 0], [4 / np.sqrt(8 / 3), 0]], rtol=1e-6)


def test_a_constant_that_float32_cannot_hold_is_constant() -> None:
    z = np.full((1000, 1), 0.1, np.float32)
    person = Trajectory("ann", z, np.arange(1000.0), np.zeros((1000, 2), np.float32))
    assert Standardisation.of([person]).inverse.tolist() == [0]
