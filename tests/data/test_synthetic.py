"""Invented people: reproducible, expressive, and each a little different."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from pen_mobile.data.load import load_table
from pen_mobile.data.rendering import render_faces
from pen_mobile.data.synthetic import (
    NOISE_SPREAD,
    SyntheticConfig,
    affect_trajectory,
    synthetic_people,
    synthetic_table,
)
from pen_mobile.data.synthetic_people import WORST_CONDITION, Person
from pen_mobile.data.table import FrameTable
from pen_mobile.types import Image

SMALL = SyntheticConfig(sources=2, targets=1, seconds=2, fps=10, size=48, seed=7)


def pixels(table: FrameTable) -> Image:
    return table.frames.read(slice(None))


def faces(person: Person, affect: list[list[float]], size: int = 64) -> np.ndarray:
    """Draw a person straight on, in even light: only affect differs between the frames."""
    action = person.express(np.array(affect, dtype=np.float32))
    return render_faces(person.look, action, np.zeros((len(affect), 6)), size).astype(float)


def test_where_they_come_from_is_how_to_get_them_again() -> None:
    """A run remembers its data by their origin."""
    table = synthetic_table(SMALL)
    assert load_table(table.origin, SMALL.size).digest == table.digest


def test_table_has_everybody_in_order() -> None:
    table = synthetic_table(SMALL)
    assert len(table) == 60  # 3 people * 2 s * 10 frames per second
    assert table.subjects("source") == ["source-01", "source-02"]
    assert table.subjects("target") == ["target-01"]
    for name in table.subjects():
        np.testing.assert_allclose(table.time_s[table.subject == name], np.arange(20) / 10)
    assert (table.synthetic, table.origin) == (True, "synthetic:sources=2,targets=1,seconds=2,fps=10,seed=7")
    assert table.affect.dtype == np.float32
    assert pixels(table).dtype == np.uint8


def test_same_seed_same_bytes_whatever_the_threads() -> None:
    threads = cv2.getNumThreads()
    digests = set()
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            digests.add(synthetic_table(SMALL).digest)
    finally:
        cv2.setNumThreads(threads)
    assert len(digests) == 1


def test_another_seed_invents_others() -> None:
    first, second = synthetic_table(SMALL), synthetic_table(replace(SMALL, seed=8))
    assert np.abs(first.affect - second.affect).max() > 0.1
    assert (pixels(first) != pixels(second)).any(axis=(1, 2, 3)).all()


def test_nobody_changes_when_others_join() -> None:
    few, many = synthetic_table(SMALL), synthetic_table(replace(SMALL, sources=4, targets=3))
    for name in few.subjects():
        before, after = few.take(few.rows_of(name)), many.take(many.rows_of(name))
        assert before.digest == after.digest


def test_labels_are_in_range_and_smooth() -> None:
    """Each label is tanh(1.1 * sum of 8 sines / 2), and neither tanh nor sin is steeper than 1.

    The time constants are at least geomspace(3, 20, 8) s, whose inverses sum to 1.24 per second, so a step between
    frames 1/25 s apart is at most 1.1 * 1.24 / 2 / 25 = 0.0274.
    """
    for seed in range(5):
        affect = affect_trajectory(np.random.default_rng(seed), seconds=300, fps=25)
        assert affect.shape == (7500, 2)
        assert np.abs(affect).max() <= 1
        assert np.abs(np.diff(affect, axis=0)).max() < 0.0275


@pytest.mark.parametrize("minutes", [(0, 2.5), (2.5, 5), (0, 2)])
def test_a_part_of_a_recording_covers_the_plane(minutes: tuple[float, float]) -> None:
    for seed in range(20):
        affect = affect_trajectory(np.random.default_rng(seed), seconds=300, fps=25)
        part = affect[round(minutes[0] * 1500) : round(minutes[1] * 1500)]
        cells = np.histogramdd(part, bins=4, range=[(-1, 1), (-1, 1)])[0]
        assert (cells > 0).sum() >= 11, f"seed {seed} visits too few of the 16 cells"
        assert (part.std(axis=0) > 0.4).all()  # a uniform label would have 2 / sqrt(12) = 0.58


def test_valence_shows_at_the_mouth_far_above_the_noise() -> None:
    """Two noisy pictures of one face differ by NOISE_SPREAD * 2 / sqrt(pi) = 3.9 grey levels on average."""
    for person in synthetic_people(SyntheticConfig()):
        happy, unhappy = faces(person, [[0.9, 0], [-0.9, 0]])
        change = np.abs(happy - unhappy).mean(axis=-1)
        mouth = change[38:52, 20:44].mean()
        assert mouth > 2 * NOISE_SPREAD * 2 / np.sqrt(np.pi), person.name
        assert mouth > 5 * change[:12].mean(), person.name


def test_arousal_opens_eyes_and_mouth_in_the_mean_person() -> None:
    people = synthetic_people(SyntheticConfig(sources=40, targets=0))
    calm, excited = np.mean([p.express(np.array([[0, -0.8], [0, 0.8]], np.float32)) for p in people], axis=(0, 2))
    assert (excited - calm)[[1, 2, 3]].min() > 0.3  # mouth_open, eye_open, brow_raise


def test_people_express_the_same_affect_differently() -> None:
    """A population model is wrong for individuals: resting faces lie apart and gains differ by factors."""
    people = synthetic_people(SyntheticConfig())
    smile_at_rest = [person.express(np.zeros((1, 2), np.float32))[0, :, 0].mean() for person in people]
    smile_gain = [person.gain[0, 0] for person in people]
    assert np.std(smile_at_rest) > 0.15
    assert max(smile_gain) > 2 * min(smile_gain)
    assert all(np.ptp(person.express(np.zeros((1, 2), np.float32)), axis=1).max() > 0 for person in people)


def test_everybody_tells_valence_and_arousal_apart() -> None:
    grid = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 13), np.linspace(-0.9, 0.9, 13)), axis=-1).reshape(-1, 2)
    for person in synthetic_people(SyntheticConfig(sources=30, targets=30)):
        assert np.linalg.cond(person.gain[:, :2]) <= WORST_CONDITION
        action = np.pad(person.express(grid.astype(np.float32)).mean(axis=1), ((0, 0), (0, 1)), constant_values=1)
        fitted = action @ np.linalg.lstsq(action, grid, rcond=None)[0]
        left_over = ((fitted - grid) ** 2).mean(axis=0) / grid.var(axis=0)
        assert left_over.max() < 0.1, person.name


@pytest.mark.parametrize("size", [48, 64, 224])
def test_faces_look_the_same_at_every_size(size: int) -> None:
    config = replace(SMALL, sources=1, targets=0, seconds=0.2, size=size)
    assert pixels(synthetic_table(config)).shape == (2, size, size, 3)
    person = synthetic_people(config)[0]
    drawn = faces(person, [[0.5, 0.5]], size)[0].astype(np.uint8)
    large = faces(person, [[0.5, 0.5]], 448)[0].astype(np.uint8)
    shrunk = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(drawn.astype(float) - shrunk).mean() < 5


def test_progress_counts_every_frame() -> None:
    class Counter:
        total: int | None = None
        done = 0

        @contextmanager
        def task(self, name: str, total: int | None = None) -> Iterator[Counter]:
            self.total = total
            yield self

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.done += steps

        def say(self, message: str) -> None:
            raise AssertionError(message)

    counter = Counter()
    synthetic_table(SMALL, counter)
    assert (counter.done, counter.total) == (60, 60)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sources": -1}, "sources"),
        ({"targets": -2}, "targets"),
        ({"seed": -3}, "seed"),
        ({"sources": 0, "targets": 0}, "at least one person"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"fps": float("inf")}, "fps"),
        ({"seconds": 0.1, "fps": 2.0}, "seconds 0.1 at fps 2 holds no frame"),
        ({"size": 8}, "size"),
        ({"size": 4000}, "size"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        replace(SMALL, **wrong)  # type: ignore[arg-type]
    assert said in str(caught.value)
