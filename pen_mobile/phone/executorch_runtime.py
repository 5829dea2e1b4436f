"""ExecuTorch's runtime."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pen_mobile.utils.library_patches import runtime_without_compiler
from pen_mobile.utils.silence import quiet_libraries

if TYPE_CHECKING:
    from executorch.runtime import Runtime


@functools.cache
def executorch_runtime() -> Runtime:
    """Return the runtime of this process."""
    with quiet_libraries(), runtime_without_compiler():
        import torch  # noqa: F401  its libraries must be loaded before the runtime's
        from executorch.runtime import Runtime

        return Runtime.get()


def use_threads(count: int) -> None:
    """Set the number of threads that all programs of the process share.

    The runtime offers no public function for it.

    Args:
        count: threads, at least 1.
    """
    executorch_runtime()
    from executorch.extension.pybindings import portable_lib

    with quiet_libraries():
        portable_lib._unsafe_reset_threadpool(count)
