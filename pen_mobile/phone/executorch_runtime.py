"""ExecuTorch's runtime without its compiler."""

from __future__ import annotations

import functools
import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from executorch.runtime import Runtime

_COMPILER = "executorch.exir"


@functools.cache
def executorch_runtime() -> Runtime:
    """Return the runtime of this process.

    The runtime's Python module imports the compiler package for the name of one warning, which takes longer than
    everything else that a phone command does. While it is imported, an empty package stands in, in which the module of
    that warning is found; whoever imports the compiler later gets the real one.
    """
    specification = None if _COMPILER in sys.modules else importlib.util.find_spec(_COMPILER)
    if specification is None:
        return _import()
    sys.modules[_COMPILER] = importlib.util.module_from_spec(specification)
    try:
        return _import()
    finally:
        del sys.modules[_COMPILER]


def use_threads(count: int) -> None:
    """Let all programs of the process share this many threads; the runtime has nothing public for it."""
    executorch_runtime()
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(count)


def _import() -> Runtime:
    import torch  # noqa: F401  its libraries must be there before the runtime's
    from executorch.runtime import Runtime

    return Runtime.get()
