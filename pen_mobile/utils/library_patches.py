"""Everything that replaces private parts of torch, ExecuTorch or coremltools, to save seconds and nothing else.

Each patch is used only with the versions in :data:`TESTED_VERSIONS`, and none when the environment variable
``PEN_MOBILE_LIBRARY_PATCHES`` is ``0``. Everything works without them and gives the same bytes
(``tests/utils/test_library_patches.py``). Processor seconds without and with them, the least of three on one core of an
x86 server with AVX-512:

    runtime_without_compiler   import of executorch.runtime   3.6 -> 1.2
    import_coremltools         import of coremltools          5.0 -> 2.0
    import_fabric              import of lightning_fabric     2.6 -> 1.1
    fast_lowering              lowering of a head with three optimizers  16.6 -> 6.3, of MobileNetV3-Small  9.1 -> 3.4
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Graph, GraphModule

SWITCH = "PEN_MOBILE_LIBRARY_PATCHES"
TESTED_VERSIONS = {"torch": "2.14.", "executorch": "1.5.", "coremltools": "9."}
"""Beginning of the version with which the patches of a package were tested."""

_COMPILER = "executorch.exir"
_NOT_NEEDED_BY_COREMLTOOLS = (
    "executorch",
    "libsvm",
    "pandas",
    "sklearn",
    "tensorflow",
    "torchao",
    "torchaudio",
    "torchvision",
    "transformers",
    "xgboost",
)
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
"""Methods by which an ``ExportPass`` treats single operators differently."""


def patches_in_use(*packages: str) -> bool:
    """Return whether patches of these packages may be used: switched on, and with the tested versions.

    Args:
        packages: names among :data:`TESTED_VERSIONS`.
    """
    return os.environ.get(SWITCH) != "0" and all(
        metadata.version(package).startswith(TESTED_VERSIONS[package]) for package in packages
    )


@contextmanager
def runtime_without_compiler() -> Iterator[None]:
    """Let ``executorch.runtime`` be imported without ExecuTorch's compiler.

    The runtime's Python module imports the compiler package for the name of one warning. Inside this context an empty
    package of that name stands in; a later import of the compiler gets the real one.
    """
    wanted = patches_in_use("executorch") and _COMPILER not in sys.modules
    specification = importlib.util.find_spec(_COMPILER) if wanted else None
    if specification is None:
        yield
        return
    sys.modules[_COMPILER] = importlib.util.module_from_spec(specification)
    try:
        yield
    finally:
        del sys.modules[_COMPILER]


def import_coremltools() -> Any:
    """Import coremltools and return it, without the packages whose models it could convert and is never asked to.

    During its first import these packages count as not installed, unless they were imported before; afterwards they
    can be imported as usual.
    """
    if patches_in_use("coremltools"):
        _import_without("coremltools", _NOT_NEEDED_BY_COREMLTOOLS)
    return importlib.import_module("coremltools")


def import_fabric() -> Any:
    """Import Lightning Fabric and return it, without torchmetrics, of which Fabric only asks the version.

    That question alone would import torchvision and torch's compiler.
    """
    if patches_in_use("torch"):
        _import_without("lightning_fabric", ("torchmetrics",))
    return importlib.import_module("lightning_fabric")


def _import_without(package: str, others: Iterable[str]) -> None:
    """Import a package, unless it is there already, while others count as not installed."""
    if package in sys.modules:
        return
    hidden = [name for name in others if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: Python's mark for "not installed"
    try:
        importlib.import_module(package)
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def fast_lowering(programs: Iterable[ExportedProgram]) -> Iterator[None]:
    """Lower to ExecuTorch faster inside this context; the program that comes out is the same, byte for byte.

    Args:
        programs: what will be lowered; it decides which searches can be left out.
    """
    with ExitStack() as stack:
        if patches_in_use("torch", "executorch"):
            stack.enter_context(_skip_unchanged_retracing())
            stack.enter_context(_skip_needless_searches(programs))
        yield


def xnnpack_partitioner() -> Any:
    """Return XNNPACK's partitioner; patched, it decomposes a program once instead of three times where it can.

    XNNPACK may support an operator in one place of a program and not in another, so lowering decomposes the program
    for each round of questions. Where every operator that XNNPACK keeps whole can be kept everywhere, once is enough.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    if not patches_in_use("torch", "executorch"):
        return XnnpackPartitioner()

    class DecomposingOnce(XnnpackPartitioner):  # type: ignore[misc]
        def transform_for_pre_decomposition(self, program: ExportedProgram) -> ExportedProgram:
            return _decomposed_once(program, *self.ops_to_not_decompose(program))

    return DecomposingOnce()


def _decomposed_once(program: ExportedProgram, kept: list[Any], is_supported: Callable[[Any], bool]) -> ExportedProgram:
    from executorch.exir.program._program import _default_decomposition_table

    table = {op: how for op, how in _default_decomposition_table().items() if op not in kept}
    done: ExportedProgram = program.run_decompositions(table)
    if not all(is_supported(node) for node in done.graph.nodes if node.target in kept):
        return program
    done.run_decompositions = lambda table=None: done
    return done


@contextmanager
def _skip_unchanged_retracing() -> Iterator[None]:
    """Skip the passes that only renew shapes when the graph is the same as after the last such pass."""
    from executorch.exir.pass_base import ExportPass
    from torch.fx.passes.infra.pass_base import PassResult

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
def _skip_needless_searches(programs: Iterable[ExportedProgram]) -> Iterator[None]:
    """Skip two passes, for attention and bilinear upsampling, whose patterns take seconds to build."""
    from executorch.backends.xnnpack._passes.convert_to_sdpa import ConvertToSDPAPass
    from executorch.backends.xnnpack._passes.convert_to_upsample_bilinear2d import ConvertToUpsampleBilinear2d
    from torch.fx.passes.infra.pass_base import PassResult

    names = {str(node.target) for program in programs for node in program.graph.nodes}
    searches = {ConvertToSDPAPass: ("attention", "matmul"), ConvertToUpsampleBilinear2d: ("upsample", "interpolate")}
    with ExitStack() as stack:
        for kind, words in searches.items():
            if not any(word in name for name in names for word in words):
                stack.enter_context(_replaced(kind, "call", lambda self, module: PassResult(module, False)))
        yield


@contextmanager
def _replaced(kind: type, name: str, value: Callable[..., Any]) -> Iterator[None]:
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
