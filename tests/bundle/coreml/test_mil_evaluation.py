"""Saved Core ML packages evaluated without Apple's runtime, operation by operation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pen_mobile.bundle.coreml.mil_evaluation import MilProgram
from pen_mobile.bundle.coreml.mil_weights import different_weights, stored_weights, weights_digest
from pen_mobile.errors import BadInput, PenMobileError


def _save(module: nn.Module, shape: tuple[int, ...], path: Path) -> Path:
    """Convert a module of one input, ``x``, and save it with coremltools' own writer."""
    import coremltools as ct

    exported = torch.export.export(module.eval(), (torch.zeros(shape),)).run_decompositions({})
    model = ct.convert(
        exported,
        inputs=[ct.TensorType(name="x", shape=shape)],
        outputs=[ct.TensorType(name="out")],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.save(str(path))
    return path


class _Layers(nn.Module):
    """What backbones are made of and coremltools cannot fold: convolutions, pooling, batch norm, channel shuffles."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_mean = torch.randn(4, generator=generator)
        self.norm.running_var = torch.rand(4, generator=generator) + 0.5
        self.grouped = nn.Conv2d(4, 8, 3, stride=2, padding=(2, 1), dilation=(2, 1), groups=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.grouped(functional.relu(self.norm(x)))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        x = functional.avg_pool2d(x, 2, stride=1, padding=1)
        x = torch.cat([functional.hardswish(x), functional.silu(x)], 1)
        b, c, h, w = x.shape
        return torch.flatten(x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w), 1)


@pytest.fixture(scope="module")
def layers() -> _Layers:
    torch.manual_seed(1)
    return _Layers().eval()


@pytest.fixture(scope="module")
def package(layers: _Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(layers, (1, 4, 17, 12), tmp_path_factory.mktemp("mil") / "layers.mlpackage")


def test_the_layers_cover_what_is_written_out(package: Path) -> None:
    kinds = set(MilProgram(package).operation_types())
    assert kinds >= {"avg_pool", "batch_norm", "concat", "conv", "max_pool", "silu"}
    assert "transpose" not in kinds  # the shuffle has become a concat that interleaves


@pytest.mark.parametrize("seed", [0, 1])
def test_layers_equal_torch(layers: _Layers, package: Path, seed: int) -> None:
    x = torch.randn(1, 4, 17, 12, generator=torch.Generator().manual_seed(seed)) * 3
    found = MilProgram(package)({"x": x.numpy()})
    assert list(found) == ["out"]
    np.testing.assert_allclose(found["out"], layers(x).detach().numpy(), rtol=0, atol=1e-5)


def test_inputs_are_checked_by_name_and_shape(package: Path) -> None:
    x = np.zeros((1, 4, 17, 12), np.float32)
    with pytest.raises(BadInput, match=r"layers\.mlpackage: input x is missing"):
        MilProgram(package)({})
    with pytest.raises(BadInput, match="input y is unknown"):
        MilProgram(package)({"x": x, "y": x})
    with pytest.raises(BadInput, match=r"input x is \[1, 4, 17, 13\], not \[1, 4, 17, 12\]"):
        MilProgram(package)({"x": np.zeros((1, 4, 17, 13), np.float32)})


def test_an_operation_that_cannot_be_evaluated_is_named(tmp_path: Path) -> None:
    path = _save(nn.ConvTranspose2d(2, 3, 2), (1, 2, 4, 4), tmp_path / "up.mlpackage")
    with pytest.raises(PenMobileError, match=r"up\.mlpackage: operation conv_transpose .* cannot be") as caught:
        MilProgram(path)({"x": np.zeros((1, 2, 4, 4), np.float32)})
    assert "check_coreml.py" in str(caught.value)


def test_what_is_no_package_is_one_line(package: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a Core ML package"):
        MilProgram(tmp_path)({})
    broken = tmp_path / "broken.mlpackage"
    _copy(package, broken)
    specification = broken / "Data" / "com.apple.CoreML" / "model.mlmodel"
    specification.write_bytes(specification.read_bytes()[:100])
    with pytest.raises(BadInput, match="coremltools cannot read this package") as caught:
        MilProgram(broken)({})
    assert "\n" not in str(caught.value)


def test_stored_weights_are_the_module_s(layers: _Layers, package: Path) -> None:
    expected = layers.grouped.weight.detach().numpy()
    assert any(np.array_equal(values, expected) for values in stored_weights(package).values())


def test_one_flipped_bit_of_a_stored_weight_is_found_by_name(package: Path, tmp_path: Path) -> None:
    """The lowest bit of one float32: far too small to show in any output."""
    changed = tmp_path / "changed.mlpackage"
    _copy(package, changed)
    blob = changed / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    content = bytearray(blob.read_bytes())
    content[_first_float(content)] ^= 1
    blob.write_bytes(content)
    found, expected = stored_weights(changed), stored_weights(package)
    (name,) = different_weights(found, expected)
    assert np.abs(found[name] - expected[name]).max() < 1e-7
    assert weights_digest(found) != weights_digest(expected)
    assert different_weights(expected, expected) == []


def _first_float(blob: bytes) -> int:
    """The blob begins with two 64-byte headers; the second says where its numbers start (little-endian, at 16)."""
    return int.from_bytes(blob[64 + 16 : 64 + 24], "little")


def _copy(package: Path, to: Path) -> None:
    for file in package.rglob("*"):
        if file.is_file():
            target = to / file.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
