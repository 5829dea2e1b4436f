"""Backbones from torchvision with the classifier taken off: frames in, features z out.

torchvision's ResNet-50 strides in the 3 x 3 convolution of a bottleneck, where He et al. (2016), and so the paper,
stride in the first 1 x 1 convolution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pen_mobile.errors import BadInput
from pen_mobile.models.pretrained import IMAGENET, check_weights, fitting, imagenet_weights, weights_in
from pen_mobile.utils.suggestions import choices

_CLASSIFIER_NAMES = ("fc", "classifier", "heads", "head")
_NOT_OF_FEATURES = (*_CLASSIFIER_NAMES, "aux1.", "aux2.", "AuxLogits.")  # beginnings of names in files of weights
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A frozen-to-be feature extractor ``x -> z`` (Section 3.2).

    It takes RGB values from 0 to 255 and normalises them itself, so that no phone has constants to
    get wrong.

    Attributes:
        name: torchvision's name of the network.
        input_size: side of the square input, pixels.
        feature_size: D_z, length of z.
        mean, std: the normalisation inside, per channel, for values scaled to [0, 1].
    """

    mean, std = _IMAGENET_MEAN, _IMAGENET_STD

    def __init__(self, name: str, input_size: int = 224) -> None:
        """Build the network with random weights.

        Raises:
            BadInput: torchvision has no such network, or it cannot work at this input size.
        """
        super().__init__()
        self.name = name
        self.input_size = input_size
        self.network = _headless(name)
        # The values 0..255 of a frame, normalised in one multiplication and one addition.
        scale = 1 / (255 * torch.tensor(self.std))
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", (-255 * torch.tensor(self.mean) * scale).view(1, 3, 1, 1), persistent=False)
        self.feature_size = self._probe()

    scale: Tensor
    shift: Tensor

    def forward(self, frames: Tensor) -> Tensor:
        """Return features ``[B, D_z]`` of frames ``[B, 3, S, S]``, RGB, float32 in 0..255."""
        return torch.flatten(self.network(frames * self.scale + self.shift), 1)

    def digest(self) -> str:
        """SHA-256 over name, input size and every weight: the backbone hash that features carry."""
        return backbone_digest(self.name, self.input_size, self.state_dict())

    @torch.no_grad()
    def _probe(self) -> int:
        training = self.training
        self.eval()
        try:
            shape = self(torch.zeros(1, 3, self.input_size, self.input_size)).shape
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"backbone {self.name!r} cannot take {self.input_size} px frames: {reason}") from None
        finally:
            self.train(training)
        return int(shape[1])


def backbone_digest(name: str, input_size: int, weights: Mapping[str, Tensor]) -> str:
    """Return :meth:`Backbone.digest` of a backbone that need not be built."""
    sha = hashlib.sha256(f"{name}/{input_size}".encode())
    for key, tensor in sorted(weights.items()):
        sha.update(key.encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def make_backbone(name: str, weights: str = "none", input_size: int = 224) -> Backbone:
    """Build a backbone and load its weights.

    Args:
        name: a torchvision classification network, such as ``resnet50`` or ``mobilenet_v3_small``.
        weights: ``none`` (random), ``imagenet`` (torchvision's, downloaded once; ``imagenet-v1`` and ``imagenet-v2``
            choose between its versions), or the path of a ``.safetensors`` or ``.pth`` file for the same network.
        input_size: side of the square input, pixels.

    Raises:
        BadInput: unknown network, weights that cannot be downloaded or do not fit.
    """
    backbone = Backbone(name, input_size)
    if weights == "none":
        _let_statistics_keep_up(backbone)
    else:
        state = imagenet_weights(name, weights) if weights in IMAGENET else weights_in(Path(weights))
        network = backbone.network
        network.load_state_dict(fitting(state, network.state_dict(), _NOT_OF_FEATURES, name, f"--weights {weights}"))
    return backbone


def check_backbone(name: str, weights: str) -> None:
    """Refuse a network or a weights file that is not there, before any work is done.

    Args:
        name: of a torchvision classification network.
        weights: ``none``, one of :data:`~pen_mobile.models.pretrained.IMAGENET` or a path.

    Raises:
        BadInput: torchvision has no such network, or the file does not exist.
    """
    if name not in backbone_names():
        raise BadInput(f"unknown backbone {name!r}; {choices(name, backbone_names())} (torchvision.models.list_models)")
    check_weights(weights)


def backbone_names() -> list[str]:
    """Return the names of torchvision's classification networks."""
    from torchvision import models

    return list(models.list_models(module=models))


def _headless(name: str) -> nn.Module:
    from torchvision import models

    check_backbone(name, "none")
    extra = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    network: nn.Module = models.get_model(name, weights=None, **extra)
    for attribute in _CLASSIFIER_NAMES:
        if isinstance(getattr(network, attribute, None), nn.Module):
            setattr(network, attribute, nn.Identity())
            return network
    raise BadInput(f"backbone {name!r} has no classifier to take off; choose another")


def _let_statistics_keep_up(backbone: Backbone) -> None:
    """Training from nothing takes few steps here; MobileNetV3's batch-norm momentum of 0.01 would lag behind."""
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
