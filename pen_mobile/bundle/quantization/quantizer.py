"""Static int8 of a backbone (PT2E), with some blocks left in float and its weights fine-tuned when asked.

Weights are symmetric int8, one scale per output channel; activations are int8, one scale per tensor, from the ranges
seen on calibration frames. See https://docs.pytorch.org/ao/stable/pt2e_quantization/index.html.
"""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from pen_mobile.types import Floats, Image

Rounding = Callable[[Tensor], Tensor]

_BATCH = 8  # values of a ResNet-50 stay below 32 MB, above which the C library asks the system for every one of them
_ENOUGH = 1_000_000  # numbers of a value that decide its range
_BLOCK = re.compile(r"network(?:\.[a-z_]\w*)*?\.\d+|network\..*")


class Quantizer:
    """Makes quantized copies of one backbone, which is traced and calibrated once.

    Attributes:
        blocks: names of the parts that can stay in float, in the order in which a frame meets them:
            ``features.3``, ``layer2.0``.
    """

    def __init__(self, network: nn.Module, calibration: Image) -> None:
        """Trace the network and see which ranges its values take.

        Args:
            network: a simplified backbone (:func:`simplify`), which is not changed.
            calibration: frames that decide the ranges, ``[N, S, S, 3]``.
        """
        self._network = network
        self._observed = _observe(_trace(copy.deepcopy(network), calibration.shape[1]), calibration)
        self._roundings = _roundings(self._observed)
        self._owners = _owners(self._observed)
        owned = (block for block in self._owners.values() if block)
        self.blocks = list(dict.fromkeys(owned))

    def simulate(self, float_blocks: Collection[str], pixels: Image) -> Floats:
        """Return features ``[N, D_z]`` as the network would give them with these blocks in float and the rest in int8.

        Values are rounded where int8 would round them; it costs one pass in float, no new graph.
        """
        rounded = {node: self._roundings[str(node.target)] for node in self._int8_edges(float_blocks)}
        return features_of(_Simulation(self._observed, rounded).run, pixels)

    def fine_tune(self, batches: Iterable[tuple[Image, Floats]], steps: int, learning_rate: float) -> nn.Module:
        """Return a copy of the network that gives the wanted features with every block in int8.

        Quantization-aware training: values and weights are rounded on the way forward and gradients pass as if they
        were not, except where a value left its range (https://arxiv.org/abs/1712.05877).

        Args:
            batches: frames ``[B, S, S, 3]`` with the features that they should have, ``[B, D_z]``.
            steps: how many batches there are.
            learning_rate: step size of Adam in the first step; it falls to 0 along a cosine, so that weights do not end
                on whichever side of a rounding the last batches pushed them to.
        """
        observed = copy.deepcopy(self._observed)
        weights = {name: weight.requires_grad_() for name, weight in observed.named_parameters()}
        optimizer = torch.optim.Adam(weights.values(), learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        nodes = [node for node in observed.graph.nodes if _is_observer(observed, node)]
        for pixels, wanted in batches:
            # Weights move, so their scales do; the ranges of values stay as calibration found them.
            rounded = {
                node: self._roundings[node.target]
                if node.args[0].op != "get_attr"
                else _rounding_of_weight(observed, node)
                for node in nodes
            }
            optimizer.zero_grad()
            loss = relative_error(_Simulation(observed, rounded).run(_planes(pixels)), torch.from_numpy(wanted))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        tuned = copy.deepcopy(self._network)
        tuned.load_state_dict(tuned.state_dict() | {name: weight.detach() for name, weight in weights.items()})
        return tuned

    def quantize(self, float_blocks: Collection[str] = ()) -> GraphModule:
        """Return the network in int8 but for ``float_blocks``, as torch computes it: ``[B, 3, S, S] -> [B, D_z]``."""
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e  # type: ignore[import-untyped]

        observed = copy.deepcopy(self._observed)
        kept = {node.name for node in self._int8_edges(float_blocks)}
        for node in [node for node in observed.graph.nodes if _is_observer(observed, node) and node.name not in kept]:
            node.replace_all_uses_with(node.args[0])
            observed.graph.erase_node(node)
        observed.recompile()
        with _silence(), torch.no_grad():
            converted: GraphModule = convert_pt2e(observed)
        return converted

    def _int8_edges(self, float_blocks: Collection[str]) -> set[Node]:
        """Return the observers of values that an int8 block takes or gives."""
        int8 = set(self.blocks) - set(float_blocks)
        return {
            node
            for node in self._observed.graph.nodes
            if _is_observer(self._observed, node)
            and any(self._owners.get(end.name) in int8 for end in (node.args[0], *node.users))
        }


class _Calibration(Interpreter):
    """Runs an observed graph and shows its observers, once, what their values were on all frames.

    Of a large value that is both extremes and numbers from all over it: a histogram of everything takes longer than the
    network itself.
    """

    def __init__(self, observed: GraphModule, calibration: Image) -> None:
        super().__init__(observed)
        self._batches = math.ceil(len(calibration) / _BATCH)
        self._seen: dict[Node, list[Tensor]] = {}
        features_of(self.run, calibration)
        for node, parts in self._seen.items():
            self.fetch_attr(str(node.target))(torch.cat(parts))

    def run_node(self, node: Node) -> Any:
        if not _is_observer(self.module, node):
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


class _Simulation(Interpreter):
    """Runs an observed graph; values at the chosen observers are rounded to int8 and back."""

    def __init__(self, observed: GraphModule, rounded: Mapping[Node, Rounding]) -> None:
        super().__init__(observed)
        self._rounded = rounded

    def run_node(self, node: Node) -> Any:
        if not _is_observer(self.module, node):
            return super().run_node(node)
        (source,) = node.all_input_nodes
        value = self.env[source]
        return self._rounded[node](value) if node in self._rounded else value


@torch.no_grad()
def features_of(network: Callable[[Tensor], Any], pixels: Image) -> Floats:
    """Return features ``[N, D_z]`` of uint8 RGB frames ``[N, S, S, 3]`` as torch computes them."""
    parts = [network(_planes(pixels[start : start + _BATCH])).numpy() for start in range(0, len(pixels), _BATCH)]
    return np.concatenate(parts)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance between two ``[N, D_z]`` tensors over the squared length of the wanted one."""
    return (found - wanted).square().sum() / wanted.square().sum()


def _planes(pixels: Image) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()


def _trace(network: nn.Module, size: int) -> GraphModule:
    """Return the network as a graph that takes any number of frames."""
    example = torch.zeros(2, 3, size, size)  # torch.export would take a batch of one for a constant
    dynamic = ({0: torch.export.Dim.AUTO},)
    with torch.no_grad():
        exported = torch.export.export(network, (example,), dynamic_shapes=dynamic, strict=False)
    return exported.module()


def _observe(traced: GraphModule, calibration: Image) -> GraphModule:
    """Put an observer at every value that XNNPACK can have in int8, and show it the calibration frames."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

    owners = _owners(traced)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    # What belongs to no block is the normalisation of the input, which costs nothing in float. Weights are asked about
    # too, and follow their operator.
    quantizer.set_filter_function(lambda node: node.op == "get_attr" or _may_round(node, owners))
    # These four serve training alone, where batch normalisation is not folded yet; looking for them takes seconds.
    quantizer.SUPPORTED_PATTERNS = [kind for kind in quantizer.SUPPORTED_PATTERNS if "_bn" not in kind.name]
    with _silence():
        observed: GraphModule = prepare_pt2e(traced, quantizer)
        _Calibration(observed, calibration)
    return observed


def _owners(graph: GraphModule) -> dict[str, str]:
    """Return the block of every operator by node name; a sum belongs to the block whose result it takes last."""
    owners: dict[str, str] = {}
    for node in graph.graph.nodes:
        if _is_observer(graph, node):
            owners[node.name] = owners.get(node.args[0].name, "")
        elif node.op == "call_function":
            inputs = [owners.get(source.name, "") for source in node.all_input_nodes]
            owners[node.name] = _block_of(node) or next((name for name in reversed(inputs) if name), "")
    return owners


def _block_of(node: Node) -> str:
    """Return the part of a path such as ``network.features.3.block.0.0`` up to its first number: ``features.3``."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    found = _BLOCK.match(paths[-1]) if paths else None
    return found.group().removeprefix("network.") if found else ""


def _may_round(node: Node, owners: dict[str, str]) -> bool:
    """A squeeze-and-excitation gate stays in float: it is small, and rounding it scales whole channels."""
    stack = node.meta.get("nn_module_stack") or {}
    # Torch may report the module as it was before it was spelled out; both names end alike.
    gate = any(str(kind).endswith(nn.Hardsigmoid.__name__) for _, kind in stack.values())
    return bool(owners.get(node.name)) and not gate


def _is_observer(graph: nn.Module, node: Node) -> bool:
    from torchao.quantization.pt2e.observer import ObserverBase  # type: ignore[import-untyped]

    return node.op == "call_module" and isinstance(graph.get_submodule(str(node.target)), ObserverBase)


def _roundings(observed: GraphModule) -> dict[str, Rounding]:
    """Return what every observer would round a value to; finding its scale is a search that one wants to make once."""
    nodes = [node for node in observed.graph.nodes if _is_observer(observed, node)]
    return {str(node.target): _rounding(observed.get_submodule(str(node.target))) for node in nodes}


def _rounding(observer: Any) -> Rounding:
    """Return the function that gives the nearest values that int8 can express, with the observer's scale and zero."""
    if observer.dtype != torch.int8:
        return lambda value: value
    scale, zero = observer.calculate_qparams()
    limits = observer.quant_min, observer.quant_max
    if len(scale) > 1:
        axis = observer.ch_axis
        return lambda value: torch.fake_quantize_per_channel_affine(value, scale, zero.int(), axis, *limits)
    return lambda value: torch.fake_quantize_per_tensor_affine(value, scale, zero.int(), *limits)


def _rounding_of_weight(observed: GraphModule, node: Node) -> Rounding:
    """Return what the observer of a weight would round it to as it is now."""
    (source,) = node.all_input_nodes
    observer: Any = observed.get_submodule(str(node.target))
    if observer.dtype == torch.int8:
        observer.reset_min_max_vals()
        observer(observed.get_parameter(str(source.target)).detach())
    return _rounding(observer)


@contextmanager
def _silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
