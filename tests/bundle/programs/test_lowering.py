"""Lowering leaves nothing outside the delegate, and what it simplifies stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.bundle.programs.operators import operators_outside
from pen_mobile.bundle.programs.simplify import PlainHardsigmoid, simplify
from pen_mobile.models.backbone import Backbone


def test_plain_hardsigmoid_is_hardsigmoid() -> None:
    x = torch.linspace(-5, 5, 101).reshape(1, 1, 1, 101)
    torch.testing.assert_close(PlainHardsigmoid()(x), nn.Hardsigmoid()(x), rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_a_simplified_network_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    backbone = Backbone(name, 32).eval()
    frames = torch.rand(2, 3, 32, 32) * 255
    simple = simplify(backbone)
    assert not any(isinstance(part, nn.BatchNorm2d | nn.Hardsigmoid) for part in simple.modules())
    with torch.no_grad():
        torch.testing.assert_close(simple(frames), backbone(frames), rtol=1e-4, atol=1e-5)


class _Squeezed(nn.Module):
    """One convolution with a gate, as MobileNetV3 has nine of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 4, 3), nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * self.gate(x.mean((2, 3), keepdim=True))


def test_a_gate_goes_into_the_delegate(tmp_path: Path) -> None:
    """As torch spells it two copies stay outside; spelled out none does; the file alone tells."""
    example = (torch.rand(1, 3, 8, 8),)
    module = _Squeezed().eval()
    counts = []
    for name, version in (("as-is", module), ("simple", simplify(module))):
        lowered = lower({"forward": (version, example)})
        lowered.write(tmp_path / f"{name}.pte")
        counts.append(lowered.outside_delegate["forward"])
    assert counts == [["_to_copy.out", "_to_copy.out"], []]
    assert operators_outside((tmp_path / "as-is.pte").read_bytes()) == ["aten::_to_copy.out"]
    assert operators_outside((tmp_path / "simple.pte").read_bytes()) == []


def test_a_second_process_needs_a_second_thread_and_core(monkeypatch: pytest.MonkeyPatch) -> None:
    from pen_mobile.bundle.programs import lowering_subprocess

    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr("os.sysconf", lambda name: 1 << 20)  # 2^40 bytes are free
    for threads, cores, room in ((2, 2, True), (1, 2, False), (2, 1, False)):
        monkeypatch.setattr("torch.get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr(lowering_subprocess, "core_count", lambda cores=cores: cores)
        assert lowering_subprocess._room_for_two() == room


@pytest.mark.slow
def test_a_second_process_fills_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program as lowered here; with one thread, as tests have, nothing is started."""
    from pen_mobile.bundle.programs import lowering_subprocess
    from pen_mobile.bundle.programs.head import HeadSize
    from pen_mobile.bundle.programs.head_methods import HeadMethods
    from pen_mobile.bundle.programs.lowered_cache import LoweredCache
    from pen_mobile.bundle.recipe import load_recipe

    quick = {"learning_rate": {"sgd": 0.1}, "steps_per_call": 1}
    recipe = load_recipe("android-fp32").for_run(lambda_1=1e-3).head.model_copy(update=quick)
    methods, cache = HeadMethods(HeadSize(8, 2), recipe), LoweredCache(tmp_path / "lowered")
    with lowering_subprocess.lowering_in_subprocess(methods, cache) as wait:
        wait()
    assert not cache.folder.exists()
    monkeypatch.setattr(lowering_subprocess, "_room_for_two", lambda: True)
    monkeypatch.setattr(lowering_subprocess, "_PATIENCE_S", 300.0)  # this machine may be busy
    with lowering_subprocess.lowering_in_subprocess(methods, cache) as wait:
        wait()
    assert cache.get(methods.facts()) == lowering_subprocess.lower_head(methods)
