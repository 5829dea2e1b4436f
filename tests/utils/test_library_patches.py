"""Patches of libraries save time only: with the switch off everything works, and gives the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pen_mobile.bundle.programs.head import HeadSize, PredictProgram
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.utils import library_patches
from pen_mobile.utils.library_patches import SWITCH, TESTED_VERSIONS, fast_lowering, patches_in_use

COREMLTOOLS = """
import sys
from pen_mobile.utils.library_patches import import_coremltools
ct = import_coremltools()
unneeded = {"executorch", "sklearn", "torchao", "torchvision", "pandas"}
assert not unneeded & set(sys.modules), unneeded & set(sys.modules)
assert ct.convert
assert import_coremltools() is ct
import executorch.exir, sklearn, torchvision  # they are there for whoever wants them
"""

FABRIC = """
import sys
from pen_mobile.training.fabric import make_fabric
assert make_fabric("cpu").world_size == 1
unneeded = {"torchmetrics", "torchvision", "sklearn", "matplotlib"}
assert not unneeded & set(sys.modules), unneeded & set(sys.modules)
import torchmetrics  # it is there for whoever wants it
"""

RUNTIME = """
import sys
from pen_mobile.phone.executorch_runtime import executorch_runtime
executorch_runtime()
import executorch.exir
assert executorch.exir.to_edge_transform_and_lower
"""

SMALL_EXPORT = """
import os, sys
from pathlib import Path
import torch
from pen_mobile.bundle.programs.head import HeadSize, PredictProgram
from pen_mobile.bundle.programs.lowering import lower
program = PredictProgram(HeadSize(features=4, experts=2), batch=1)
lower({"predict": (program, program.example_inputs())}).write(Path(sys.argv[1]))
from pen_mobile.phone.executorch_runtime import executorch_runtime
method = executorch_runtime().load_program(sys.argv[1]).load_method("predict")
assert method.execute([torch.ones(1, 6, 5), torch.ones(1, 1, 4)])[0].tolist() == [[[5.0, 5.0]]]
from pen_mobile.utils.library_patches import import_coremltools
assert import_coremltools().convert
"""


def run(script: str, *arguments: str) -> None:
    """Run a script in a process of its own, where nothing is imported yet."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_coremltools_comes_alone_and_hides_nothing_afterwards() -> None:
    run(COREMLTOOLS)


@pytest.mark.slow
def test_fabric_comes_without_what_it_only_asks_the_version_of() -> None:
    run(FABRIC)


@pytest.mark.slow
def test_the_compiler_can_be_imported_after_the_runtime() -> None:
    run(RUNTIME)


@pytest.mark.slow
def test_a_small_export_is_the_same_with_the_switch_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowered, run, and coremltools imported, in a process with no library patched."""
    program = PredictProgram(HeadSize(features=4, experts=2), batch=1)
    lower({"predict": (program, program.example_inputs())}).write(tmp_path / "patched.pte")
    monkeypatch.setenv(SWITCH, "0")
    run(SMALL_EXPORT, str(tmp_path / "plain.pte"))
    assert (tmp_path / "plain.pte").read_bytes() == (tmp_path / "patched.pte").read_bytes()


def test_patches_are_for_tested_versions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert patches_in_use(*TESTED_VERSIONS)
    monkeypatch.setattr(library_patches.metadata, "version", lambda package: "99.0")
    assert not patches_in_use("torch")
    monkeypatch.undo()
    monkeypatch.setenv(SWITCH, "0")
    assert not patches_in_use("torch")


class _Squeezed(nn.Module):
    """One convolution with a gate, as MobileNetV3 has nine of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 4, 3), nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * self.gate(x.mean((2, 3), keepdim=True))


class _Everything(nn.Module):
    """What backbones and heads are made of: convolutions, pooling, concatenation, products, a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.hardswish(nn.functional.max_pool2d(self.conv(x), 2))
        z = self.linear(x.mean((2, 3)))
        return torch.bmm(torch.softmax(z, dim=1).unsqueeze(1), torch.cat([z, z], dim=1).reshape(-1, 4, 2))


@pytest.mark.parametrize("module", [_Squeezed(), _Everything()])
@pytest.mark.slow
def test_patches_change_no_byte(module: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program with every pass run as ExecuTorch would, and its own partitioner."""
    example = (torch.rand(1, 3, 8, 8),)
    patched = lower({"forward": (module.eval(), example)})
    monkeypatch.setenv(SWITCH, "0")
    assert lower({"forward": (module, example)}) == patched


def test_patches_end_with_the_lowering() -> None:
    """The libraries have their own methods again."""
    from executorch.backends.xnnpack._passes.convert_to_sdpa import ConvertToSDPAPass
    from executorch.exir.pass_base import ExportPass

    before: dict[str, Any] = {"export": ExportPass.call, "sdpa": ConvertToSDPAPass.call}
    with fast_lowering([]):
        assert ExportPass.call is not before["export"]
    assert {"export": ExportPass.call, "sdpa": ConvertToSDPAPass.call} == before
