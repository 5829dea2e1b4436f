"""Lowering without what ExecuTorch does twice or in vain; the program that comes out is the same, byte for byte.

Lowering interprets the graph again after every pass. The shortcuts touch private names of executorch and torch, hold
only inside :func:`shortcuts`, and are to be looked at when either version moves.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from executorch.backends.xnnpack._passes.convert_to_sdpa import ConvertToSDPAPass
from executorch.backends.xnnpack._passes.convert_to_upsample_bilinear2d import ConvertToUpsampleBilinear2d
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir.pass_base import ExportPass
from torch._export import utils as export_utils
from torch.export import ExportedProgram
from torch.fx import Graph, GraphModule
from torch.fx.passes.infra.pass_base import PassResult
from torch.fx.traceback import NodeSource

_HOOKS = (
    "ExportInterpreter",
    "ExportTracer",
    "on_attr",
    "call_operator",
    "call_getitem",
    "call_delegate",
    "call_sym",
    "call_submodule",
    "placeholder",
    "output",
)
"""What a pass may say otherwise about single operators."""


@contextmanager
def shortcuts(programs: Iterable[ExportedProgram]) -> Iterator[None]:
    """Lower faster inside.

    Args:
        programs: what will be lowered; it decides which passes have nothing to look for.
    """
    with ExitStack() as stack:
        for shortcut in (
            _no_retracing_of_the_same,
            _no_copies_of_history,
            _no_code_that_nobody_calls,
            _no_second_look_for_operators,
            _no_collection,
        ):
            stack.enter_context(shortcut())
        stack.enter_context(_no_idle_search(programs))
        yield


class DecomposingOnce(XnnpackPartitioner):  # type: ignore[misc]
    """XNNPACK's partitioner for programs in which each operator it keeps whole can be kept everywhere.

    Lowering decomposes a program three times, because XNNPACK may support an operator in one place and not in another.
    Where there is no such operator, once is enough, and is done here.
    """

    def transform_for_pre_decomposition(self, program: ExportedProgram) -> ExportedProgram:
        """Return the program decomposed for good, or as it is when it must be looked at place by place."""
        from executorch.exir.program._program import _default_decomposition_table

        kept, is_supported = self.ops_to_not_decompose(program)
        table = {op: how for op, how in _default_decomposition_table().items() if op not in kept}
        done: ExportedProgram = program.run_decompositions(table)
        if not all(is_supported(node) for node in done.graph.nodes if node.target in kept):
            return program
        done.run_decompositions = lambda table=None: done
        return done


@contextmanager
def _no_retracing_of_the_same() -> Iterator[None]:
    """Most passes interpret the graph again to renew shapes, whether they changed anything or not."""
    retrace = ExportPass.call
    last: list[Any] = []

    def call(self: Any, module: GraphModule) -> PassResult:
        renews_only = all(getattr(type(self), hook) is getattr(ExportPass, hook) for hook in _HOOKS)
        if renews_only and last == _content(module.graph):
            return PassResult(module, False)
        result: PassResult = retrace(self, module)
        last[:] = _content(result.graph_module.graph)
        return result

    with _replaced(ExportPass, "call", call):
        yield


def _content(graph: Graph) -> list[Any]:
    return [(node, node.op, node.target, node.args, node.kwargs) for node in graph.nodes]


@contextmanager
def _no_copies_of_history() -> Iterator[None]:
    """Every node copies the records of all nodes that it came from, at every pass; they never change."""
    with _replaced(NodeSource, "__deepcopy__", lambda self, memo: self):
        yield


@contextmanager
def _no_code_that_nobody_calls() -> Iterator[None]:
    """Graphs are interpreted; their Python code is written at every change and hardly ever called."""
    recompile = GraphModule.recompile

    def when_called(self: Any) -> None:
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            recompile(self)
            return self.forward(*args, **kwargs)

        if hasattr(self.graph._codegen, "pytree_info"):
            info = self.graph._codegen.pytree_info
            self._in_spec, self._out_spec = info.in_spec, info.out_spec
        self._code = ""
        type(self).forward = forward

    with _replaced(GraphModule, "recompile", when_called):
        yield


@contextmanager
def _no_second_look_for_operators() -> Iterator[None]:
    """Every decomposition asks for all operators that torch has, once for each of their forty namespaces."""
    once = functools.cache(export_utils._materialize_cpp_cia_ops)
    with _replaced(export_utils, "_materialize_cpp_cia_ops", once):
        yield


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of objects live until the end; the collector would look at them over and over."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@contextmanager
def _no_idle_search(programs: Iterable[ExportedProgram]) -> Iterator[None]:
    """Two passes spend long on building the patterns that they look for: attention and bilinear upsampling."""
    names = {str(node.target) for program in programs for node in program.graph.nodes}
    idle = {ConvertToSDPAPass: ("attention", "matmul"), ConvertToUpsampleBilinear2d: ("upsample", "interpolate")}
    with ExitStack() as stack:
        for kind, words in idle.items():
            if not any(word in name for name in names for word in words):
                stack.enter_context(_replaced(kind, "call", lambda self, module: PassResult(module, False)))
        yield


@contextmanager
def _replaced(kind: type | ModuleType, name: str, value: Callable[..., Any]) -> Iterator[None]:
    missing = object()
    own = vars(kind).get(name, missing)
    setattr(kind, name, value)
    try:
        yield
    finally:
        if own is missing:
            delattr(kind, name)
        else:
            setattr(kind, name, own)
