"""Runs of an observed graph: calibration, and a simulation of int8 by rounding values where int8 would."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from pen_mobile.bundle.quantization.observers import Rounding, is_observer
from pen_mobile.types import Floats, Image

_BATCH = 8  # values of a ResNet-50 stay below 32 MB, above which the C library asks the system for every one of them
_ENOUGH = 1_000_000  # numbers of a value that decide its range


class Calibration(Interpreter):
    """Run of an observed graph that shows its observers, once, the values of all frames.

    Of a large value they see both extremes and numbers from all over it: a histogram of everything takes longer than
    the network itself.
    """

    def __init__(self, observed: GraphModule, calibration: Image) -> None:
        """Run.

        Args:
            observed: graph with observers, which learn their ranges.
            calibration: frames ``[N, S, S, 3]``.
        """
        super().__init__(observed)
        self._batches = math.ceil(len(calibration) / _BATCH)
        self._seen: dict[Node, list[Tensor]] = {}
        features_of(self.run, calibration)
        for node, parts in self._seen.items():
            self.fetch_attr(str(node.target))(torch.cat(parts))

    def run_node(self, node: Node) -> Any:
        if not is_observer(self.module, node):
            return super().run_node(node)
        (source,) = node.all_input_nodes
        value = self.env[source]
        if source.op == "call_function":
            self._seen.setdefault(node, []).append(_sample(value, _ENOUGH // self._batches))
        else:
            self._seen[node] = [value.detach()]  # a weight
        return value


def _sample(value: Tensor, enough: int) -> Tensor:
    """Return both extremes of a value and some ``enough`` of its numbers, or all of them, in any order."""
    outer_to_inner = sorted(range(value.dim()), key=value.stride, reverse=True)
    numbers = value.detach().permute(outer_to_inner).reshape(-1)  # as they lie in memory, so that nothing is copied
    step = len(numbers) // max(enough, 1)
    if step < 2:
        return numbers.clone()  # an activation in place would write over it
    while any(math.gcd(step, side) > 1 for side in value.shape[1:]):
        step += 1  # or it would meet the same columns of every row, or the same channels
    return torch.cat([numbers[::step], torch.stack(torch.aminmax(numbers))])


class Simulation(Interpreter):
    """Run of an observed graph in which values at the chosen observers are rounded to int8 and back."""

    def __init__(self, observed: GraphModule, rounded: Mapping[Node, Rounding]) -> None:
        """Choose what is rounded.

        Args:
            observed: graph with observers.
            rounded: observers and what they round to.
        """
        super().__init__(observed)
        self._rounded = rounded

    def run_node(self, node: Node) -> Any:
        if not is_observer(self.module, node):
            return super().run_node(node)
        (source,) = node.all_input_nodes
        value = self.env[source]
        return self._rounded[node](value) if node in self._rounded else value


@torch.no_grad()
def features_of(network: Callable[[Tensor], Any], pixels: Image) -> Floats:
    """Return features ``[N, D_z]`` as torch computes them.

    Args:
        network: ``[B, 3, S, S] -> [B, D_z]``.
        pixels: uint8 RGB frames ``[N, S, S, 3]``.
    """
    parts = [network(planes_of(pixels[start : start + _BATCH])).numpy() for start in range(0, len(pixels), _BATCH)]
    return np.concatenate(parts)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance between two tensors over the squared length of the wanted one.

    Args:
        found, wanted: ``[N, D_z]``.
    """
    return (found - wanted).square().sum() / wanted.square().sum()


def planes_of(pixels: Image) -> Tensor:
    """Return frames ``[N, S, S, 3]`` as float32 ``[N, 3, S, S]``."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
