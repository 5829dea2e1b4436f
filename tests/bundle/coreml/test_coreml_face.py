"""The face detector as a Core ML package, evaluated as it was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pen_mobile.bundle.coreml.mil_evaluation import MilProgram
from pen_mobile.bundle.coreml.programs import About, convert_face
from pen_mobile.models.blazeface import load_blazeface
from tests.tflite_file import layers, write_tflite


@pytest.mark.slow
@pytest.mark.parametrize(("half", "tolerance", "size"), [(False, 1e-5, 450_000), (True, 2e-2, 250_000)])
def test_saved_detector_equals_the_torch_network(tmp_path: Path, half: bool, tolerance: float, size: int) -> None:
    network = load_blazeface(write_tflite(tmp_path / "face.tflite", layers(seed=2)))
    image = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 3, 128, 128)).astype(np.float32))
    model = convert_face(network, half, About("somebody", "Apache-2.0", "1"))
    assert (model.inputs, model.outputs) == (["image"], ["places", "scores"])
    assert len(model.package.weights) < size
    found = MilProgram(model.package.write(tmp_path / "face.mlpackage"))({"image": image.numpy()})
    with torch.no_grad():
        expected = network(image)
    for name, array in zip(model.outputs, expected, strict=True):
        assert np.abs(found[name] - array.numpy()).max() < tolerance
