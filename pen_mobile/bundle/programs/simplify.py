"""What can be said more simply before a backbone is lowered, without changing what it computes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class PlainHardsigmoid(nn.Module):
    """``relu6(x + 3) / 6`` with the numbers as tensors.

    XNNPACK has no hard sigmoid. Left to itself, ExecuTorch decomposes one into arithmetic with Python numbers, each of
    which becomes a ``_to_copy`` outside the delegate (18 of them in MobileNetV3); constant tensors go inside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("three", torch.full((1, 1, 1, 1), 3.0))
        self.register_buffer("sixth", torch.full((1, 1, 1, 1), 1 / 6))

    three: Tensor
    sixth: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(x + self.three, 0.0, 6.0) * self.sixth


def simplify(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode with batch norms folded into convolutions and hard sigmoids spelled out.

    The graph becomes smaller before it is lowered, where most of the export time goes.
    """
    return _spell_hardsigmoids_out(fold_batch_norm(module))


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose batch norms are folded into the convolutions before them.

    A network that cannot be traced is returned as it is; lowering folds what it can.
    """
    from torch.fx.experimental.optimization import fuse

    module = copy.deepcopy(module).eval()
    try:
        folded: nn.Module = fuse(module)
    except Exception:  # noqa: BLE001  tracing fails in as many ways as networks are written
        return module
    return folded


def _spell_hardsigmoids_out(module: nn.Module) -> nn.Module:
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Hardsigmoid)]
    for name in names:
        module.set_submodule(name, PlainHardsigmoid())
    return module
