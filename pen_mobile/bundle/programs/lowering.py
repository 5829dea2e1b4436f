"""From torch modules to an ExecuTorch program with a delegate inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pen_mobile.bundle.recipe import Backend
from pen_mobile.utils.library_patches import fast_lowering, xnnpack_partitioner


@dataclass(frozen=True)
class Lowered:
    """A program file's content.

    Attributes:
        buffer: the ``.pte`` file.
        delegate_calls: per method, how many calls into the delegate it makes.
        outside_delegate: per method, operators that run on portable kernels.
    """

    buffer: bytes
    delegate_calls: dict[str, int]
    outside_delegate: dict[str, list[str]]

    def write(self, path: Path) -> None:
        """Write the program to a file."""
        path.write_bytes(self.buffer)


def lower(methods: Mapping[str, tuple[nn.Module, tuple[Tensor, ...]]], backend: Backend = "xnnpack") -> Lowered:
    """Export modules as methods of one ExecuTorch program, everything possible delegated.

    Args:
        methods: per method name a module in evaluation mode and example inputs that fix its shapes.
        backend: who runs the delegated part.
    """
    from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
    from executorch.exir.passes import MemoryPlanningPass

    with torch.no_grad():
        programs = {
            name: torch.export.export(module, inputs, strict=False) for name, (module, inputs) in methods.items()
        }
        with fast_lowering(programs.values()):
            edge = to_edge_transform_and_lower(
                programs,
                partitioner=[_partitioner(backend)],
                compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
            )
            # Inputs stay where the host has them: nothing is copied in.
            planning = MemoryPlanningPass(alloc_graph_input=False)
            program = edge.to_executorch(ExecutorchBackendConfig(memory_planning_pass=planning))
    operators = {name: _operators(edge.exported_program(name).graph) for name in methods}
    return Lowered(
        buffer=bytes(program.buffer),
        delegate_calls={name: names.count("executorch_call_delegate") for name, names in operators.items()},
        outside_delegate={
            name: [op for op in names if op not in ("executorch_call_delegate", "getitem", "alloc")]
            for name, names in operators.items()
        },
    )


def _partitioner(backend: Backend) -> Any:
    if backend == "vulkan":
        from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

        return VulkanPartitioner()
    return xnnpack_partitioner()


def _operators(graph: torch.fx.Graph) -> list[str]:
    return [getattr(node.target, "__name__", str(node.target)) for node in graph.nodes if node.op == "call_function"]
