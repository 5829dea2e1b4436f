"""Weights out of a TensorFlow Lite file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.utils.tflite import read_convolutions
from tests.tflite_file import layers, write_tflite


@pytest.mark.parametrize("half", [True, False])
def test_what_was_written_is_read_in_order(tmp_path: Path, half: bool) -> None:
    content = layers(seed=3)
    found = read_convolutions(write_tflite(tmp_path / "model.tflite", content, half).read_bytes())
    assert len(found) == len(content) == 37
    for (_, kernel, bias), one in zip(content, found, strict=True):
        np.testing.assert_array_equal(one.kernel, kernel.astype(np.float32))
        np.testing.assert_array_equal(one.bias, bias.astype(np.float32))
        assert one.kernel.dtype == one.bias.dtype == np.float32


def test_other_files_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    content = write_tflite(tmp_path / "model.tflite", layers()).read_bytes()
    with pytest.raises(ValueError, match="not a TensorFlow Lite file"):
        read_convolutions(b"not a network at all")
    with pytest.raises(ValueError, match="not a TensorFlow Lite file"):
        read_convolutions(b"")
    refused = 0
    for end in range(8, len(content), 997):
        try:
            read_convolutions(content[:end])
        except ValueError:
            refused += 1
    assert refused > 0.9 * len(range(8, len(content), 997))


def test_the_real_file(blazeface_model: Path) -> None:
    """BlazeFace has 101,390 parameters in 37 convolutions."""
    found = read_convolutions(blazeface_model.read_bytes())
    assert len(found) == 37
    assert sum(one.kernel.size + one.bias.size for one in found) == 101_390
