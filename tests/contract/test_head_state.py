"""The byte layout that three languages read."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pen_mobile.contract.head import HeadPart
from pen_mobile.contract.head_state import fresh_state, parameters_from_bytes, parameters_to_bytes
from pen_mobile.errors import BadInput

HEAD = HeadPart.model_validate(
    {
        "file": "head.pte",
        "head_parameters": "p.f32",
        "expert_count": 1,
        "target_count": 2,
        "feature_size": 1,
        "predict": {"method": "predict", "batch": 1},
        "train": [
            {
                "method": "train_sgd",
                "optimizer": "sgd",
                "state": [{"name": "head_parameters", "shape": [1, 3, 2]}, {"name": "slot", "shape": [1, 1, 1]}],
                "steps": 1,
                "batch": 1,
                "constants": {},
                "hyper": [],
            }
        ],
    }
)


def test_layout_is_row_major_little_endian_float32_without_gaps() -> None:
    """Gate row (w, b), valence row, arousal row: 6 floats, 24 bytes."""
    parameters = np.array([[[1, 2], [3, 4], [5, 6]]], np.float32)
    blob = parameters_to_bytes(parameters)
    assert blob == struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    again = parameters_from_bytes(blob, HEAD)
    assert again.tolist() == parameters.tolist()
    assert again.flags.writeable


def test_fresh_slots_are_zero() -> None:
    state = fresh_state(np.ones((1, 3, 2), np.float32), HEAD.train[0])
    assert state[0].tolist() == [[[1.0] * 2] * 3]
    assert state[1].tolist() == [[[0.0]]]


def test_other_lengths_are_refused() -> None:
    with pytest.raises(BadInput, match="a head of 20 bytes does not belong to this bundle, whose heads have 24"):
        parameters_from_bytes(bytes(20), HEAD)
