"""Weights from elsewhere: wrapped as frameworks save them, pickled, broken, and torchvision's by version."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torchvision import models

from pen_mobile.errors import BadInput
from pen_mobile.models.backbone import make_backbone
from pen_mobile.models.pretrained import imagenet_weights, weights_in

NETWORK, SIZE = "squeezenet1_1", 32
State = dict[str, Tensor]


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {f"{prefix}{key}": value for key, value in state.items()}


WRAPPED: dict[str, Callable[[State], Any]] = {
    "as torchvision": lambda state: state,
    "DataParallel": prefixed("module."),
    "torch.compile": prefixed("_orig_mod."),
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "Lightning": lambda state: {"state_dict": prefixed("model.")(state), "pytorch-lightning_version": "2.4"},
    "backbone.": lambda state: {"state_dict": prefixed("backbone.")(state)},
    "both": lambda state: {"state_dict": prefixed("module.backbone.")(state)},
    "beside a head": lambda state: prefixed("backbone.")(state) | {"head.weight": torch.zeros(2, 8)},
    "nested": lambda state: {"model": {"state_dict": state}},
}


def network_state() -> State:
    torch.manual_seed(4)
    return models.get_model(NETWORK).state_dict()


@pytest.mark.parametrize("wrapping", WRAPPED, ids=str)
def test_wrapped_weights_are_found(tmp_path: Path, wrapping: str) -> None:
    state = network_state()
    torch.save(WRAPPED[wrapping](state), tmp_path / "weights.pth")
    loaded = make_backbone(NETWORK, str(tmp_path / "weights.pth"), SIZE).network.state_dict()
    assert loaded
    for key, value in loaded.items():
        assert torch.equal(value, state[key])


def test_a_pickled_module_is_refused_with_what_to_save(tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    torch.save(models.get_model(NETWORK), path)
    with pytest.raises(
        BadInput, match=r"module\.pt: .*could run any program; save the state_dict instead: torch\.save"
    ):
        weights_in(path)


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w').close()",)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadInput, match="not a readable weights file"):
        weights_in(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"state_dict": {}}, torch.zeros(3)], ids=str)
def test_a_file_without_weights_says_what_to_save(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(BadInput, match=r"it holds no tensors by name; save torch\.save\(model\.state_dict\(\)"):
        weights_in(tmp_path / "weights.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    state = network_state()
    state["features.0.weight"][0, 0, 0, 0] = value
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(BadInput, match=r"nan\.pth: features\.0\.weight holds NaN or infinity \(1 such weights"):
        make_backbone(NETWORK, str(tmp_path / "nan.pth"), SIZE)


@pytest.mark.parametrize(
    ("network", "version", "file"),
    [
        ("resnet50", "imagenet", "resnet50-0676ba61.pth"),  # the first version: nearest to the paper's
        ("resnet50", "imagenet-v1", "resnet50-0676ba61.pth"),
        ("resnet50", "imagenet-v2", "resnet50-11ad3fa6.pth"),
        ("mobilenet_v3_large", "imagenet", "mobilenet_v3_large-5c1a4163.pth"),  # the second: torchvision's choice
        ("mobilenet_v3_large", "imagenet-v1", "mobilenet_v3_large-8738ca79.pth"),
    ],
)
def test_the_version_decides_which_file_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, network: str, version: str, file: str
) -> None:
    asked = []

    def unplugged(request: Any, *args: object, **kwargs: object) -> None:
        asked.append(request.full_url)
        raise OSError("unplugged")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unplugged)
    with pytest.raises(BadInput, match=f"--weights {version}: the weights of {network} could not be downloaded"):
        imagenet_weights(network, version)
    assert asked[0].endswith(file)


def test_a_download_with_another_hash_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Answer(io.BytesIO):
        headers: ClassVar[dict[str, str]] = {}

        def info(self) -> Any:
            return self

        def get_all(self, name: str) -> None:
            return None

    def other(*args: object, **kwargs: object) -> Answer:
        return Answer(b"something else")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", other)
    with pytest.raises(BadInput, match="invalid hash value"):
        imagenet_weights(NETWORK)
    assert not list(tmp_path.rglob("*.pth"))


def test_a_version_that_torchvision_does_not_have_is_refused() -> None:
    with pytest.raises(BadInput, match="--weights imagenet-v2: torchvision has none of resnet18"):
        imagenet_weights("resnet18", "imagenet-v2")
