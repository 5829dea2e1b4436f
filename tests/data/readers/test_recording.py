"""A recording holds only what can be: every impossible one is refused by file and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.data.readers.recording import Recording
from pen_mobile.errors import BadInput


def recording(**changed: Any) -> Recording:
    good: dict[str, Any] = {
        "subject": "a",
        "role": "source",
        "images": Path("a.mp4"),
        "time_s": np.array([0.0, 0.04, 0.08]),
        "affect": np.array([[0, 0], [1, -1], [0.5, 0.5]], np.float32),
        "origin": "a.txt",
    }
    return Recording(**(good | changed))


def with_label(row: int, column: int, value: float) -> Any:
    affect = np.zeros((3, 2), np.float32)
    affect[row, column] = value
    return affect


def test_several_moments_at_one_instant_are_taken() -> None:
    assert recording(time_s=np.array([0.0, 0.04, 0.04])).time_s.tolist() == [0.0, 0.04, 0.04]


def test_a_good_recording_is_taken() -> None:
    assert len(recording()) == 3
    assert len(recording(images=[Path("1.png"), Path("2.png"), Path("3.png")])) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subject": ""}, "the subject has no name"),
        ({"role": "test"}, "role 'test' is not source or target"),
        ({"images": [Path("1.png")] * 2}, "3 ratings but 2 images"),
        ({"time_s": np.zeros(0), "affect": np.zeros((0, 2), np.float32)}, "no rated moment is left"),
        ({"time_s": np.zeros((3, 1))}, r"times must be \[T\], not \[3, 1\]"),
        ({"affect": np.zeros((3, 1), np.float32)}, r"affect must be \[3, 2\], not \[3, 1\]"),
        ({"affect": np.zeros((2, 2), np.float32)}, r"affect must be \[3, 2\], not \[2, 2\]"),
        ({"time_s": np.array([0.0, np.nan, 0.08])}, "row 2: time is nan"),
        ({"time_s": np.array([0.0, 0.04, np.inf])}, "row 3: time is inf"),
        ({"time_s": np.array([0.0, 0.04, 0.03])}, r"row 3: time 0\.03 s comes before 0\.04 s"),
        ({"time_s": np.array([0.0, -0.04, 0.04])}, r"row 2: time -0\.04 s comes before 0 s"),
        ({"affect": with_label(1, 0, np.nan)}, "row 2: valence is nan"),
        ({"affect": with_label(2, 1, 1.5)}, r"row 3: arousal is 1\.5; labels must lie in \[-1, 1\]"),
    ],
)
def test_impossible_recordings_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"a\.txt: .*{message}"):
        recording(**changed)
