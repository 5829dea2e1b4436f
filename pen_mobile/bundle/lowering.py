"""From torch modules to an ExecuTorch program with XNNPACK inside."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Lowered:
    """A program file's content.

    Attributes:
        buffer: the ``.pte`` file.
        delegate_calls: per method, how many calls into XNNPACK it makes.
        undelegated: per method, operators that run on portable kernels.
    """

    buffer: bytes
    delegate_calls: dict[str, int]
    undelegated: dict[str, list[str]]

    def write(self, path: Path) -> None:
        """Write the program to a file."""
        path.write_bytes(self.buffer)


def lower(methods: dict[str, tuple[nn.Module, tuple[Tensor, ...]]]) -> Lowered:
    """Export modules as methods of one ExecuTorch program, everything possible delegated to XNNPACK.

    Args:
        methods: per method name a module in evaluation mode and example inputs that fix its shapes.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
    from executorch.exir.passes import MemoryPlanningPass

    with torch.no_grad():
        programs = {
            name: torch.export.export(module, inputs, strict=False) for name, (module, inputs) in methods.items()
        }
        edge = to_edge_transform_and_lower(
            programs,
            partitioner=[XnnpackPartitioner()],
            compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
        )
        # Inputs stay where the host has them: nothing is copied in.
        planning = MemoryPlanningPass(alloc_graph_input=False)
        program = edge.to_executorch(ExecutorchBackendConfig(memory_planning_pass=planning))
    operators = {name: _operators(edge.exported_program(name).graph) for name in methods}
    return Lowered(
        buffer=bytes(program.buffer),
        delegate_calls={name: names.count("executorch_call_delegate") for name, names in operators.items()},
        undelegated={
            name: [op for op in names if op not in ("executorch_call_delegate", "getitem")]
            for name, names in operators.items()
        },
    )


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose batch norms are folded into the convolutions before them.

    The graph becomes smaller before it is lowered, where most of the export time goes. A network that
    cannot be traced is returned as it is; lowering folds what it can.
    """
    from torch.fx.experimental.optimization import fuse

    module = copy.deepcopy(module).eval()
    try:
        folded: nn.Module = fuse(module)
    except Exception:  # noqa: BLE001  tracing fails in as many ways as networks are written
        return module
    return folded


def _operators(graph: torch.fx.Graph) -> list[str]:
    return [getattr(node.target, "__name__", str(node.target)) for node in graph.nodes if node.op == "call_function"]
