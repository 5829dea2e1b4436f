"""Backbones: the right network, the right weights, the right normalisation, one hash for each."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms import Normalize

from pen_mobile.errors import BadInput
from pen_mobile.models.backbone import Backbone, backbone_names, make_backbone

SMALLEST = "squeezenet1_1"
SIZE = 32


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0)).float()


def headless_features(network: nn.Module, frames: torch.Tensor) -> torch.Tensor:
    """What torchvision's own ResNet says before its ``fc``, with torchvision's own normalisation."""
    transforms = models.get_model_weights("resnet18").DEFAULT.transforms()
    network.fc = nn.Identity()
    with torch.no_grad():
        return network.eval()(Normalize(transforms.mean, transforms.std)(frames / 255))


@pytest.mark.parametrize(("name", "feature_size"), [("mobilenet_v3_small", 576), ("resnet18", 512), (SMALLEST, 512)])
def test_features_are_what_the_classifier_read(name: str, feature_size: int, frames: torch.Tensor) -> None:
    """torchvision's classifiers of these networks have 576, 512 and 512 inputs."""
    backbone = make_backbone(name, input_size=SIZE).eval()
    assert backbone.feature_size == feature_size
    with torch.no_grad():
        assert backbone(frames).shape == (2, feature_size)


def test_normalisation_is_torchvisions(frames: torch.Tensor) -> None:
    """With a network that passes everything through, what comes out is the normalised frame itself."""
    transforms = models.get_model_weights("resnet50").DEFAULT.transforms()
    backbone = Backbone(SMALLEST, SIZE)
    backbone.network = nn.Identity()
    expected = Normalize(transforms.mean, transforms.std)(frames / 255).flatten(1)
    torch.testing.assert_close(backbone(frames), expected, rtol=0, atol=1e-5)
    assert (list(backbone.mean), list(backbone.std)) == (transforms.mean, transforms.std)


def test_unknown_network_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown backbone 'resnet51'; did you mean 'resnet50'"):
        make_backbone("resnet51")


def test_names_are_of_classification_networks_only() -> None:
    names = backbone_names()
    assert {"resnet50", "mobilenet_v3_small", "vit_b_16"} <= set(names)
    assert not {"fcn_resnet50", "r3d_18", "raft_small"} & set(names)


@pytest.mark.parametrize(
    ("name", "size"), [(SMALLEST, 8), ("mobilenet_v3_small", 0)], ids=["smaller than its pooling", "no pixels"]
)
def test_frames_too_small_for_the_network_are_refused(name: str, size: int) -> None:
    with pytest.raises(BadInput, match=rf"backbone '{name}' cannot take {size} px frames: ") as caught:
        make_backbone(name, input_size=size)
    assert "\n" not in str(caught.value)


def test_imagenet_weights_without_a_network_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unplugged(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # an empty cache: weights downloaded earlier would do
    monkeypatch.setattr("torch.hub.urlopen", unplugged)
    with pytest.raises(BadInput, match=r"--weights imagenet: .*Name or service not known.*--weights PATH") as caught:
        make_backbone(SMALLEST, "imagenet", SIZE)
    assert "\n" not in str(caught.value)


def test_weights_of_torchvision_are_loaded_without_their_classifier(tmp_path: Path, frames: torch.Tensor) -> None:
    torch.manual_seed(1)
    network = models.resnet18()
    path = tmp_path / "resnet18.pth"
    torch.save(network.state_dict(), path)
    assert "fc.weight" in network.state_dict()
    backbone = make_backbone("resnet18", str(path), SIZE).eval()
    with torch.no_grad():
        torch.testing.assert_close(backbone(frames), headless_features(network, frames), rtol=1e-4, atol=1e-5)


def test_weights_survive_safetensors(tmp_path: Path, frames: torch.Tensor) -> None:
    torch.manual_seed(2)
    original, other = (make_backbone(SMALLEST, input_size=SIZE).eval() for _ in range(2))
    path = tmp_path / "mine.safetensors"
    save_file(original.network.state_dict(), path)
    loaded = make_backbone(SMALLEST, str(path), SIZE).eval()
    assert loaded.digest() == original.digest() != other.digest()
    with torch.no_grad():
        assert torch.equal(loaded(frames), original(frames))


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(models.squeezenet1_0().state_dict(), path)
    message = rf"other\.pth: not the weights of {SMALLEST}: lacks features\.\S+ \(\d+ in all\)"
    with pytest.raises(BadInput, match=message) as caught:
        make_backbone(SMALLEST, str(path), SIZE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("features.0.weight", (64, 1, 3, 3), r"has another shape of features\.0\.weight \(1 in all\)"),
        ("conv9.weight", (1,), r"has an unknown conv9\.weight \(1 in all\)"),
    ],
)
def test_weights_of_a_changed_network_are_refused(
    tmp_path: Path, key: str, shape: tuple[int, ...], message: str
) -> None:
    path = tmp_path / "changed.pth"
    torch.save(models.get_model(SMALLEST).state_dict() | {key: torch.zeros(shape)}, path)
    with pytest.raises(BadInput, match=rf"changed\.pth: not the weights of {SMALLEST}: {message}"):
        make_backbone(SMALLEST, str(path), SIZE)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--weights \S*none\.pth: no such file; give none, imagenet or a"):
        make_backbone(SMALLEST, str(tmp_path / "none.pth"), SIZE)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"valence,arousal\n"], ids=["empty", "text"])
def test_files_that_are_no_weights_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"--weights \S*weights\{suffix}: not a readable weights file: \S") as caught:
        make_backbone(SMALLEST, str(path), SIZE)
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_than_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([1, 2, 3], path)
    with pytest.raises(BadInput, match=r"list\.pth: not a readable weights file"):
        make_backbone(SMALLEST, str(path), SIZE)


def momenta(backbone: Backbone) -> set[float | None]:
    return {module.momentum for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)}


def test_statistics_keep_up_only_when_training_starts_from_nothing(tmp_path: Path) -> None:
    """MobileNetV3's own momentum is 0.01; weights from elsewhere keep it."""
    fresh = make_backbone("mobilenet_v3_small", "none", SIZE)
    assert momenta(fresh) == {0.1}
    path = tmp_path / "weights.safetensors"
    save_file(fresh.network.state_dict(), path)
    assert momenta(make_backbone("mobilenet_v3_small", str(path), SIZE)) == {0.01}


def test_digest_changes_with_a_single_weight_and_with_nothing_else(frames: torch.Tensor) -> None:
    torch.manual_seed(3)
    backbone = make_backbone(SMALLEST, input_size=SIZE)
    before = backbone.digest()
    with torch.no_grad():
        backbone.eval()(frames)
    backbone.requires_grad_(False)
    assert backbone.digest() == before
    parameter = list(backbone.parameters())[-1].view(-1)
    kept = parameter[-1].item()
    with torch.no_grad():
        parameter[-1] = torch.nextafter(parameter[-1], torch.tensor(9.0))
        assert backbone.digest() != before
        parameter[-1] = kept
    assert backbone.digest() == before


def test_digest_changes_with_running_statistics(frames: torch.Tensor) -> None:
    """A forward pass in training mode moves the batch statistics, and with them every feature."""
    backbone = make_backbone("mobilenet_v3_small", input_size=SIZE)
    before = backbone.digest()
    with torch.no_grad():
        backbone.train()(frames)
    assert backbone.digest() != before


def test_digest_changes_with_the_input_size() -> None:
    digests = set()
    for size in (SIZE, SIZE + 1):
        torch.manual_seed(4)
        digests.add(make_backbone(SMALLEST, input_size=size).digest())
    assert len(digests) == 2


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_auxiliary_classifiers_learn_without_them(name: str) -> None:
    backbone = Backbone(name, 96).train()
    assert backbone(torch.zeros(2, 3, 96, 96)).shape == (2, backbone.feature_size)
