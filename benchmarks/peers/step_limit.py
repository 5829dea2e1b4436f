"""What one core can do at these shapes: the two products alone, and moving the bytes that have to move, alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import numpy as np
import torch
from executorch.extension.pybindings import portable_lib
from step_worker import BEYOND_CACHE, EXPERTS, Samples, Step, Wanted, serve
from torch import Tensor, nn

from pen_mobile.bundle.programs.lowering import lower

WIDTH, STATE_TENSORS = 3 * EXPERTS, 3  # rows of the packed head; parameters and Adadelta's two averages


class Product(nn.Module):
    """One product, for the delegate."""

    def __init__(self, left_transposed: bool, right_transposed: bool) -> None:
        super().__init__()
        self.left_transposed, self.right_transposed = left_transposed, right_transposed

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        left = left.transpose(1, 2) if self.left_transposed else left
        return torch.bmm(left, right.transpose(1, 2) if self.right_transposed else right)


def make(wanted: Wanted) -> Step:
    """Return a variant: ``<product> in <library>``, ``state``, ``gathering`` or ``beyond cache``."""
    torch.set_num_threads(1)
    portable_lib._unsafe_reset_threadpool(1)
    if " in " in wanted.variant:
        product, library = wanted.variant.split(" in ")
        weights, z = torch.rand(WIDTH, wanted.features + 1), torch.rand(wanted.batch, wanted.features + 1)
        gradient = torch.rand(wanted.batch, WIDTH)
        return LIBRARIES[library](*{"forward": (weights, z, False), "backward": (gradient, z, True)}[product])
    return {"state": _state, "gathering": _gathering, "beyond cache": _beyond_cache}[wanted.variant](wanted)


def _torch(left: Tensor, right: Tensor, backward: bool) -> Step:
    out = torch.empty(WIDTH, right.shape[1] if backward else right.shape[0])
    return lambda: torch.mm(left.T if backward else left, right if backward else right.T, out=out)


def _numpy(left: Tensor, right: Tensor, backward: bool) -> Step:
    a, b = left.numpy(), right.numpy()
    out = np.empty((WIDTH, b.shape[1] if backward else b.shape[0]), np.float32)
    return lambda: np.matmul(a.T if backward else a, b if backward else b.T, out=out)


def _delegate(left: Tensor, right: Tensor, backward: bool) -> Step:
    inputs = (left[None], right[None])
    buffer = lower({"product": (Product(backward, not backward), inputs)}).buffer
    module = portable_lib._load_for_executorch_from_buffer(buffer)
    # The runtime reads from the buffer for as long as it lives.
    return lambda alive=buffer: module.run_method("product", inputs, clone_outputs=False)


LIBRARIES: dict[str, Callable[[Tensor, Tensor, bool], Step]] = {
    "torch": _torch,
    "numpy": _numpy,
    "XNNPACK": _delegate,
}


def _state(wanted: Wanted) -> Step:
    """Read the state once and write it once."""
    old = np.ones((STATE_TENSORS, WIDTH, wanted.features + 1), np.float32)
    new = np.empty_like(old)
    return lambda: np.copyto(new, old)


def _gathering(wanted: Wanted) -> Step:
    return Samples(wanted).fresh


def _beyond_cache(wanted: Wanted) -> Step:
    old = np.ones(BEYOND_CACHE // 4, np.float32)
    new = np.empty_like(old)
    return lambda: np.copyto(new, old)


if __name__ == "__main__":
    serve(make, lambda: {"executorch": metadata.version("executorch"), "torch": torch.__version__})
