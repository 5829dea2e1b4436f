"""Observers in the graph of a network: what block they belong to, and what they round values to."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

Rounding = Callable[[Tensor], Tensor]

_BLOCK = re.compile(r"network(?:\.[a-z_]\w*)*?\.\d+|network\..*")


def owners_of(graph: GraphModule) -> dict[str, str]:
    """Return the block of every operator by node name; a sum belongs to the block whose result it takes last.

    Args:
        graph: with or without observers.
    """
    owners: dict[str, str] = {}
    for node in graph.graph.nodes:
        if is_observer(graph, node):
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


def may_round(node: Node, owners: dict[str, str]) -> bool:
    """Return whether a value may be rounded: it belongs to a block, and is no squeeze-and-excitation gate.

    Such a gate is small, and rounding it scales whole channels.

    Args:
        node: of the graph.
        owners: block of every operator.
    """
    stack = node.meta.get("nn_module_stack") or {}
    # Torch may report the module as it was before it was spelled out; both names end alike.
    gate = any(str(kind).endswith(nn.Hardsigmoid.__name__) for _, kind in stack.values())
    return bool(owners.get(node.name)) and not gate


def is_observer(graph: nn.Module, node: Node) -> bool:
    """Return whether a node is an observer.

    Args:
        graph: that the node belongs to.
        node: any.
    """
    from torchao.quantization.pt2e.observer import ObserverBase  # type: ignore[import-untyped]

    return node.op == "call_module" and isinstance(graph.get_submodule(str(node.target)), ObserverBase)


def roundings_of(observed: GraphModule) -> dict[str, Rounding]:
    """Return the rounding of every observer, by name; each finds its scale by a search, which is made here once.

    Args:
        observed: graph with calibrated observers.
    """
    nodes = [node for node in observed.graph.nodes if is_observer(observed, node)]
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


def rounding_of_weight(observed: GraphModule, node: Node) -> Rounding:
    """Return the rounding of a weight's observer for the weight as it is now.

    Args:
        observed: graph with observers.
        node: the observer.
    """
    (source,) = node.all_input_nodes
    observer: Any = observed.get_submodule(str(node.target))
    if observer.dtype == torch.int8:
        observer.reset_min_max_vals()
        observer(observed.get_parameter(str(source.target)).detach())
    return _rounding(observer)


@contextmanager
def silence() -> Iterator[None]:
    """Show no warnings inside: torchao's are for its developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
