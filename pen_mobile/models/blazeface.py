"""BlazeFace, short range: faces and their eyes in 128 x 128 pixels (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047).

The network is MediaPipe's (Apache-2.0), its weights are read from MediaPipe's own file. Of the 16 numbers that it gives
for each anchor, box and eyes are kept; anchors are added inside, so that a phone gets places and probabilities.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pen_mobile.data.detectors.face_boxes import ANCHORS_PER_CELL, SIDE, anchors
from pen_mobile.errors import BadInput
from pen_mobile.utils.tflite import Convolution, read_convolutions

_WIDTHS = (24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88, 96, 96, 96, 96, 96)
"""Channels after the first convolution and after each block."""
_HALVING = (2, 5, 11)
"""Blocks that halve height and width."""
_FINE_END = 11
"""Blocks whose output, 16 x 16, the finer anchors see."""
_NUMBERS, _KEPT = 16, 8


class Block(nn.Module):
    """A depthwise and a pointwise convolution beside a shortcut: ``relu(x + pointwise(depthwise(x)))``."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, outputs - inputs
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding=1 if stride == 1 else 0, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[1, outputs, H / stride, W / stride]`` of ``[1, inputs, H, W]``."""
        shortcut = x
        if self.stride == 2:  # TensorFlow's SAME pads an even side at the end alone
            x, shortcut = functional.pad(x, (0, 1, 0, 1)), functional.max_pool2d(x, 2, 2)
        if self.more:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.more))
        return functional.relu(shortcut + self.pointwise(self.depthwise(x)))


class BlazeFaceNetwork(nn.Module):
    """Box, eyes and probability at each of 896 anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _WIDTHS[0], 5, 2)
        sizes = enumerate(pairwise(_WIDTHS))
        self.blocks = nn.ModuleList(Block(a, b, 2 if place in _HALVING else 1) for place, (a, b) in sizes)
        counts = tuple(zip((_WIDTHS[_FINE_END], _WIDTHS[-1]), ANCHORS_PER_CELL, strict=True))
        self.scores = nn.ModuleList(nn.Conv2d(width, count, 1) for width, count in counts)
        self.places = nn.ModuleList(nn.Conv2d(width, count * _KEPT, 1) for width, count in counts)
        self.register_buffer("scale", torch.full((1, 1, 1, 1), 1 / 127.5))
        self.register_buffer("shift", torch.full((1, 1, 1, 1), -1.0))
        self.register_buffer("share", torch.full((1, 1, 1), 1 / SIDE))
        self.register_buffer("anchors", _anchor_offsets())

    scale: Tensor
    shift: Tensor
    share: Tensor
    anchors: Tensor

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return places and probabilities.

        Args:
            image: ``[1, 3, 128, 128]``, RGB, 0 to 255.

        Returns:
            Places ``[1, 896, 8]`` as shares of the side: centre, width and height of the box, right eye, left eye
            (x before y); probabilities of a face ``[1, 896, 1]``.
        """
        x = functional.pad(image * self.scale + self.shift, (1, 2, 1, 2))
        x = functional.relu(self.stem(x))
        for block in self.blocks[:_FINE_END]:
            x = block(x)
        fine = x
        for block in self.blocks[_FINE_END:]:
            x = block(x)
        places = torch.cat([_rows(head(y), _KEPT) for head, y in zip(self.places, (fine, x), strict=True)], 1)
        scores = torch.cat([_rows(head(y), 1) for head, y in zip(self.scores, (fine, x), strict=True)], 1)
        return places * self.share + self.anchors, torch.sigmoid(scores)


def load_blazeface(path: Path) -> BlazeFaceNetwork:
    """Return the network with the weights of MediaPipe's file.

    Args:
        path: ``blaze_face_short_range.tflite``.

    Raises:
        BadInput: the file cannot be read, or holds another network.
    """
    try:
        convolutions = read_convolutions(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path}: not BlazeFace's weights: {error}") from None
    network = BlazeFaceNetwork()
    try:
        _fill(network, convolutions)
    except (RuntimeError, ValueError, KeyError):
        raise BadInput(f"{path}: not BlazeFace's weights (short range): its layers are others") from None
    return network.eval()


def _fill(network: BlazeFaceNetwork, convolutions: list[Convolution]) -> None:
    """Copy weights in order: the stem, two for each block, then the four outputs, told apart by their sizes."""
    blocks = [layer for block in network.blocks for layer in block.children()]
    for layer, convolution in zip([network.stem, *blocks], convolutions[:-4], strict=True):
        _copy(layer, *_as_torch(convolution))
    outputs = {convolution.kernel.shape[::3]: convolution for convolution in convolutions[-4:]}
    heads = zip(network.places, network.scores, ANCHORS_PER_CELL, (_WIDTHS[_FINE_END], _WIDTHS[-1]), strict=True)
    for places, scores, count, width in heads:
        _copy(scores, *_as_torch(outputs[count, width]))
        kernel, bias = _as_torch(outputs[count * _NUMBERS, width])
        kept = torch.arange(count * _NUMBERS).view(count, _NUMBERS)[:, :_KEPT].flatten()
        _copy(places, kernel[kept], bias[kept])


def _as_torch(convolution: Convolution) -> tuple[Tensor, Tensor]:
    kernel = convolution.kernel
    depthwise = kernel.shape[:2] == (1, 3)
    axes = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    return torch.from_numpy(kernel.transpose(axes).copy()), torch.from_numpy(convolution.bias)


def _copy(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    layer.load_state_dict({"weight": weight, "bias": bias})


def _rows(x: Tensor, numbers: int) -> Tensor:
    """Return ``[1, cells x anchors, numbers]`` of ``[1, anchors x numbers, H, W]``, cells row by row."""
    return x.permute(0, 2, 3, 1).reshape(1, -1, numbers)


def _anchor_offsets() -> Tensor:
    """Return ``[1, 896, 8]``: the anchor's centre where a number is a place, 0 where it is a width or a height."""
    centres = torch.from_numpy(anchors())
    nothing = torch.zeros_like(centres)
    return torch.cat([centres, nothing, centres, centres], 1)[None]
