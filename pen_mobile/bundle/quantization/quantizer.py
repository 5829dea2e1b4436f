"""Static int8 of a backbone (PT2E), with some blocks left in float and its weights fine-tuned when asked.

Weights are symmetric int8, one scale per output channel; activations are int8, one scale per tensor, from the ranges
seen on calibration frames. See https://docs.pytorch.org/ao/stable/pt2e_quantization/index.html.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable

import torch
from torch import nn
from torch.fx import GraphModule, Node

from pen_mobile.bundle.quantization.graph_runs import Calibration, Simulation, features_of, planes_of, relative_error
from pen_mobile.bundle.quantization.observers import (
    is_observer,
    may_round,
    owners_of,
    rounding_of_weight,
    roundings_of,
    silence,
)
from pen_mobile.types import Floats, Image


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
        self._observed = _observe(_traced(copy.deepcopy(network), calibration.shape[1]), calibration)
        self._roundings = roundings_of(self._observed)
        self._owners = owners_of(self._observed)
        owned = (block for block in self._owners.values() if block)
        self.blocks = list(dict.fromkeys(owned))

    def simulate(self, float_blocks: Collection[str], pixels: Image) -> Floats:
        """Return features ``[N, D_z]`` as the network would give them with these blocks in float and the rest in int8.

        Values are rounded where int8 would round them; it costs one pass in float, no new graph.
        """
        rounded = {node: self._roundings[str(node.target)] for node in self._int8_edges(float_blocks)}
        return features_of(Simulation(self._observed, rounded).run, pixels)

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
        nodes = [node for node in observed.graph.nodes if is_observer(observed, node)]
        for pixels, wanted in batches:
            # Weights move, so their scales do; the ranges of values stay as calibration found them.
            rounded = {
                node: self._roundings[node.target]
                if node.args[0].op != "get_attr"
                else rounding_of_weight(observed, node)
                for node in nodes
            }
            optimizer.zero_grad()
            loss = relative_error(Simulation(observed, rounded).run(planes_of(pixels)), torch.from_numpy(wanted))
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
        for node in [node for node in observed.graph.nodes if is_observer(observed, node) and node.name not in kept]:
            node.replace_all_uses_with(node.args[0])
            observed.graph.erase_node(node)
        observed.recompile()
        with silence(), torch.no_grad():
            converted: GraphModule = convert_pt2e(observed)
        return converted

    def _int8_edges(self, float_blocks: Collection[str]) -> set[Node]:
        """Return the observers of values that an int8 block takes or gives."""
        int8 = set(self.blocks) - set(float_blocks)
        return {
            node
            for node in self._observed.graph.nodes
            if is_observer(self._observed, node)
            and any(self._owners.get(end.name) in int8 for end in (node.args[0], *node.users))
        }


def _traced(network: nn.Module, size: int) -> GraphModule:
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

    owners = owners_of(traced)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    # What belongs to no block is the normalisation of the input, which costs nothing in float. Weights are asked about
    # too, and follow their operator.
    quantizer.set_filter_function(lambda node: node.op == "get_attr" or may_round(node, owners))
    # These four serve training alone, where batch normalisation is not folded yet; looking for them takes seconds.
    quantizer.SUPPORTED_PATTERNS = [kind for kind in quantizer.SUPPORTED_PATTERNS if "_bn" not in kind.name]
    with silence():
        observed: GraphModule = prepare_pt2e(traced, quantizer)
        Calibration(observed, calibration)
    return observed
