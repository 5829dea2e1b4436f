"""The byte layout that three languages read."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pen_mobile.contract.head_state import fresh_state, state_from_bytes, state_to_bytes
from pen_mobile.contract.manifest import HeadPart
from pen_mobile.errors import BadInput

HEAD = HeadPart.model_validate(
    {
        "file": "head.pte",
        "initial_parameters": "p.f32",
        "expert_count": 1,
        "feature_size": 1,
        "state": [{"name": "parameters", "shape": [1, 3, 2]}, {"name": "slot", "shape": [1, 1, 1]}],
        "predict": {"method": "predict", "batch": 1},
        "train": {"method": "train", "steps": 1, "batch": 1, "optimizer": "sgd", "constants": {}, "hyper": []},
    }
)


def test_layout_is_row_major_little_endian_float32_without_gaps() -> None:
    """Gate row (w, b), valence row, arousal row, then the slot: 7 floats, 28 bytes."""
    parameters = np.array([[[1, 2], [3, 4], [5, 6]]], np.float32)
    blob = state_to_bytes([parameters, np.array([[[7]]], np.float32)])
    assert blob == struct.pack("<7f", 1, 2, 3, 4, 5, 6, 7)
    again = state_from_bytes(blob, HEAD)
    assert [tensor.tolist() for tensor in again] == [parameters.tolist(), [[[7.0]]]]
    assert all(tensor.flags.writeable for tensor in again)


def test_fresh_slots_are_zero() -> None:
    state = fresh_state(np.ones((1, 3, 2), np.float32), HEAD)
    assert state[1].tolist() == [[[0.0]]]


def test_other_lengths_are_refused() -> None:
    with pytest.raises(BadInput, match="a head state of 24 bytes does not belong to this bundle, whose states have 28"):
        state_from_bytes(bytes(24), HEAD)
