"""The project's optimizers in place and element by element, so that heads side by side have one each.

``torch.optim`` takes more passes over the weights: these arrays do not fit the cache, and a pass costs as much as the
arithmetic in it.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName


class BatchedOptimizer(Protocol):
    """An optimizer of one array of weights."""

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        """Take one step; ``weights`` change in place."""

    def state(self) -> dict[str, Tensor]:
        """Return the slots, by name; they are the optimizer's own memory."""


class _Adadelta:
    """Zeiler 2012 in eight passes over the weights; ``torch.optim`` takes eleven and twice as long.

    Both slots are kept divided by 1 - rho, which cancels in their ratio, and with eps inside:
    ``a' = (a + eps) / (1 - rho)`` follows ``a' <- rho a' + g^2 + eps``.
    """

    def __init__(self, weights: Tensor, rate: float) -> None:
        constants = OPTIMIZERS["adadelta"].constants
        self.rho, self.rate = constants["rho"], rate
        self.eps = weights.new_tensor(constants["eps"])
        self.squares = torch.full_like(weights, constants["eps"] / (1 - self.rho))
        self.steps, self.change = self.squares.clone(), torch.empty_like(weights)

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        torch.add(self.eps, self.squares, alpha=self.rho, out=self.squares).addcmul_(gradient, gradient)
        torch.div(self.steps, self.squares, out=self.change).sqrt_().mul_(gradient)
        torch.add(self.eps, self.steps, alpha=self.rho, out=self.steps).addcmul_(self.change, self.change)
        weights.sub_(self.change, alpha=self.rate)

    def state(self) -> dict[str, Tensor]:
        return {"squares": self.squares, "steps": self.steps}


class _Sgd:
    """Descent with momentum."""

    def __init__(self, weights: Tensor, rate: float) -> None:
        self.momentum, self.rate = OPTIMIZERS["sgd"].constants["momentum"], rate
        self.velocity = torch.zeros_like(weights)

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        weights.sub_(self.velocity.mul_(self.momentum).add_(gradient), alpha=self.rate)

    def state(self) -> dict[str, Tensor]:
        return {"velocity": self.velocity}


class _Adam:
    """Kingma & Ba 2015, with bias correction."""

    def __init__(self, weights: Tensor, rate: float) -> None:
        constants = OPTIMIZERS["adam"].constants
        self.beta1, self.beta2, self.eps, self.rate = constants["beta1"], constants["beta2"], constants["eps"], rate
        self.average, self.squares = torch.zeros_like(weights), torch.zeros_like(weights)
        self.size, self.step = torch.empty_like(weights), torch.zeros((), dtype=torch.int64)

    def update(self, weights: Tensor, gradient: Tensor) -> None:
        self.step += 1
        step = int(self.step)
        self.average.lerp_(gradient, 1 - self.beta1)
        self.squares.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        torch.sqrt(self.squares, out=self.size).mul_((1 - self.beta2**step) ** -0.5).add_(self.eps)
        weights.addcdiv_(self.average, self.size, value=-self.rate / (1 - self.beta1**step))

    def state(self) -> dict[str, Tensor]:
        return {"average": self.average, "squares": self.squares, "step": self.step}


_CLASSES: dict[OptimizerName, type[_Adadelta | _Sgd | _Adam]] = {"adadelta": _Adadelta, "sgd": _Sgd, "adam": _Adam}


def batched_optimizer(name: OptimizerName, weights: Tensor, learning_rate: float | None) -> BatchedOptimizer:
    """Return an optimizer for one array of weights.

    Args:
        name: of :data:`~pen_mobile.models.optimizers.OPTIMIZERS`.
        weights: array whose shape and device the slots take.
        learning_rate: step size; None is the optimizer's default.
    """
    return _CLASSES[name](weights, OPTIMIZERS[name].step_size(learning_rate))
