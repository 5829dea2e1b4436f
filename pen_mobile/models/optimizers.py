"""The optimizers that exist both on the server (``torch.optim``) and inside the phone's train program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

OptimizerName = Literal["adadelta", "sgd", "adam"]


@dataclass(frozen=True)
class OptimizerSpec:
    """Constants of one optimizer.

    Attributes:
        learning_rate: default step size; an input everywhere, never baked in.
        constants: the rest, baked into the train program and recorded in the manifest.
    """

    learning_rate: float
    constants: dict[str, float]

    def step_size(self, wanted: float | None) -> float:
        """Return the step size to use.

        Args:
            wanted: step size that was asked for; None is the default.
        """
        return self.learning_rate if wanted is None else wanted


OPTIMIZERS: dict[OptimizerName, OptimizerSpec] = {
    # Keras' defaults at the time of the paper; torch's own eps would be 1e-6. https://arxiv.org/abs/1212.5701
    "adadelta": OptimizerSpec(1.0, {"rho": 0.95, "eps": 1e-7}),
    "sgd": OptimizerSpec(0.01, {"momentum": 0.9}),
    "adam": OptimizerSpec(1e-3, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
}


def make_optimizer(
    name: OptimizerName, parameters: Iterable[nn.Parameter], learning_rate: float | None = None
) -> torch.optim.Optimizer:
    """Return the ``torch.optim`` optimizer with this project's constants; ``learning_rate`` None is its default."""
    spec = OPTIMIZERS[name]
    lr, constants = spec.step_size(learning_rate), spec.constants
    if name == "adadelta":
        return torch.optim.Adadelta(parameters, lr=lr, rho=constants["rho"], eps=constants["eps"])
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=constants["momentum"])
    return torch.optim.Adam(parameters, lr=lr, betas=(constants["beta1"], constants["beta2"]), eps=constants["eps"])
