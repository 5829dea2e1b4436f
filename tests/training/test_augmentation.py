"""Augmentation: every change does what it says, and chance is (seed, epoch, row) alone."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.training.augmentation import Augmentation

STILL = {"mirror": 0.0, "shift": 0.0, "scale": 0.0, "turn": 0.0, "brightness": 0.0, "contrast": 0.0}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
ROWS = np.arange(6)


def only(**changes: float) -> Augmentation:
    return Augmentation(seed=0, **(STILL | changes))


def one_dot() -> np.ndarray:
    """Black, 41 px, with a white dot of 3 px whose middle is 10 px to the right of the frame's."""
    frame = np.zeros((1, 41, 41, 3), np.uint8)
    frame[0, 19:22, 29:32] = 255
    return frame


def place(frame: np.ndarray) -> tuple[float, float]:
    """Where the dot is from the middle: right, down."""
    weight = frame[:, :, 0].astype(float)
    across, down = np.arange(41) - 20, np.arange(41) - 20
    return float(weight.sum(0) @ across / weight.sum()), float(weight.sum(1) @ down / weight.sum())


def test_no_change_changes_nothing() -> None:
    np.testing.assert_array_equal(only()(PIXELS, ROWS, 1), PIXELS)


def test_the_mirror_changes_left_and_right() -> None:
    np.testing.assert_array_equal(only(mirror=1.0)(PIXELS, ROWS, 1), PIXELS[:, :, ::-1])


def test_half_of_the_frames_are_mirrored() -> None:
    """Of 400 tosses 200 +- 10 (one s.d. is sqrt(400 / 4)) are heads."""
    frames = np.zeros((400, 2, 2, 3), np.uint8)
    frames[:, :, 0] = 9
    mirrored = only(mirror=0.5)(frames, np.arange(400), 1)[:, 0, 1, 0] == 9
    assert 160 < mirrored.sum() < 240


def test_shift_scale_and_turn_stay_within_their_limits() -> None:
    """The dot at (10, 0): 5 % of 41 px is 2.05 px; a scale of 8 % moves it by 0.8 px; 8 degrees by 10 sin 8 = 1.4."""
    rows = np.arange(200)
    frames = one_dot().repeat(200, axis=0)
    across, down = np.array([place(frame) for frame in only(shift=0.05)(frames, rows, 1)]).T
    assert 1.8 < np.abs(across - 10).max() < 2.2
    assert 1.8 < np.abs(down).max() < 2.2
    across, down = np.array([place(frame) for frame in only(scale=0.08)(frames, rows, 1)]).T
    assert 0.6 < np.abs(across - 10).max() < 1.0
    assert np.abs(down).max() < 0.1
    across, down = np.array([place(frame) for frame in only(turn=8.0)(frames, rows, 1)]).T
    assert 1.2 < np.abs(down).max() < 1.6
    np.testing.assert_allclose(np.hypot(across, down), 10, atol=0.2)


def test_light_stays_within_its_limits() -> None:
    """Mid-grey 128 moves by 10 % of 255 = 25.5 at most with brightness, and by 0.5 * 15 % with contrast: not at all."""
    grey = np.full((200, 2, 2, 3), 128, np.uint8)
    brighter = only(brightness=0.1)(grey, np.arange(200), 1)[:, 0, 0, 0].astype(int)
    assert -26 <= (brighter - 128).min() < -20
    assert 20 < (brighter - 128).max() <= 26
    np.testing.assert_array_equal(only(contrast=0.15)(grey, np.arange(200), 1), grey)


def test_contrast_spreads_around_mid_grey_and_stops_at_black_and_white() -> None:
    """Levels 27.5 and 227.5 are 100 from the middle: with 15 % they lie 85 to 115 from it, that is down to 12.5."""
    frames = np.full((200, 1, 2, 3), 28, np.uint8)
    frames[:, :, 1] = 250
    levels = only(contrast=0.15)(frames.repeat(2, axis=1), np.arange(200), 1)
    assert 12 <= levels[:, 0, 0].min() < 17
    assert 40 < levels[:, 0, 0].max() <= 43
    assert levels[:, 0, 1].max() == 255  # not wrapped around


def test_chance_is_seed_epoch_and_row_alone() -> None:
    change = Augmentation(seed=3)
    once = change(PIXELS, ROWS, 2)
    np.testing.assert_array_equal(change(PIXELS, ROWS, 2), once)
    backwards = change(PIXELS[::-1], ROWS[::-1], 2)
    np.testing.assert_array_equal(backwards[::-1], once)
    np.testing.assert_array_equal(change(PIXELS[4:], ROWS[4:], 2), once[4:])
    for other in (change(PIXELS, ROWS, 3), Augmentation(seed=4)(PIXELS, ROWS, 2), change(PIXELS, ROWS + 6, 2)):
        assert (other != once).any(axis=(1, 2, 3)).all()


def test_frames_given_stay_as_they_are() -> None:
    pixels = PIXELS.copy()
    pixels.setflags(write=False)
    changed = Augmentation(seed=0)(pixels, ROWS, 1)
    assert (changed.shape, changed.dtype) == (PIXELS.shape, np.uint8)
    np.testing.assert_array_equal(pixels, PIXELS)


@pytest.mark.parametrize("size", [1, 2, 33])
def test_any_size_is_taken(size: int) -> None:
    frames = np.full((2, size, size, 3), 90, np.uint8)
    assert Augmentation(seed=0, brightness=0, contrast=0)(frames, np.arange(2), 1).tolist() == frames.tolist()
