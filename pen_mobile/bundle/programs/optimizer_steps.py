"""Optimizer updates as plain arithmetic on the head parameters, for programs that train.

State is kept in scaled form, so that a step passes over memory as few times as possible; the numbers are those of
``torch.optim``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName

_TINY = 1e-12


class OptimizerSteps(nn.Module, ABC):
    """The update of one optimizer as plain arithmetic on the head parameters.

    Attributes:
        slot_names: its state beside the parameters; slots are shaped like the parameters unless
            listed in ``scalar_slots``, and start at zero.
        hyper_names: the numbers it takes at every call; the learning rate is the first.
    """

    slot_names: tuple[str, ...]
    scalar_slots: tuple[str, ...] = ()
    hyper_names: tuple[str, ...] = ("learning_rate",)

    @abstractmethod
    def forward(
        self, head_parameters: Tensor, slots: list[Tensor], gradient: Tensor, lr: Tensor, step: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Take one step.

        Args:
            head_parameters: ``[1, n_s (1 + K), D_z + 1]``.
            slots: state of the optimizer, shaped like the head parameters.
            gradient: of the loss, times :meth:`gradient_scale`.
            lr: learning rate ``[1, 1, 1]``.
            step: number of the step within the call, from 0.

        Returns:
            New head parameters and new slots.
        """

    def gradient_scale(self, step: int) -> float:
        """Return the factor of the gradient in step number ``step`` of a call."""
        return 1.0

    def begin(self, slots: list[Tensor], lr: Tensor) -> list[Tensor]:
        """Return the slots of the host in the form that the steps of a call need."""
        return slots

    def finish(self, slots: list[Tensor], lr: Tensor, steps: int) -> list[Tensor]:
        """Return the slots in the form of the host after a call of ``steps`` steps."""
        return slots


class Adadelta(OptimizerSteps):
    """Adadelta (Zeiler 2012, https://arxiv.org/abs/1212.5701), the same numbers with fewer passes over memory.

    Both averages are kept divided by 1 - rho: with ``A = E[g^2] / (1 - rho)``, ``D = E[dx^2] / (1 - rho)`` and
    ``eps' = eps / (1 - rho)`` a step is ``A = rho A + g^2; u = g sqrt((D + eps') / (A + eps')); x -= lr u;
    D = rho D + u^2``. Within a call A is also divided by rho^k after k steps, so that no step has to decay it: the
    gradient comes multiplied by ``rho^(-k/2)``, and u stays what it was, for its denominator has the square of that.
    """

    slot_names = ("scaled_square_average", "scaled_delta_average")

    def __init__(self) -> None:
        super().__init__()
        constants = OPTIMIZERS["adadelta"].constants
        self.rho = constants["rho"]
        self.eps = constants["eps"] / (1 - self.rho)

    def gradient_scale(self, step: int) -> float:
        return float(self.rho ** (-0.5 * (step + 1)))

    def forward(
        self, head_parameters: Tensor, slots: list[Tensor], gradient: Tensor, lr: Tensor, step: int
    ) -> tuple[Tensor, list[Tensor]]:
        square, delta = slots
        square = square + gradient * gradient
        denominator = square + self.eps * self.gradient_scale(step) ** 2
        update = gradient * torch.sqrt((delta + self.eps) / denominator)
        return head_parameters - update * lr, [square, delta * self.rho + update * update]

    def finish(self, slots: list[Tensor], lr: Tensor, steps: int) -> list[Tensor]:
        square, delta = slots
        return [square * self.rho**steps, delta]


class _AdadeltaOfManySteps(Adadelta):
    """Adadelta for calls of several steps, which keeps D of what parameters move by: of ``lr u`` instead of u.

    So no step has to multiply u by lr; a call has to multiply D by ``lr^2`` first and to divide it in the end.
    """

    def begin(self, slots: list[Tensor], lr: Tensor) -> list[Tensor]:
        square, delta = slots
        return [square, delta * self._unit(lr)]

    def forward(
        self, head_parameters: Tensor, slots: list[Tensor], gradient: Tensor, lr: Tensor, step: int
    ) -> tuple[Tensor, list[Tensor]]:
        square, delta = slots
        square = square + gradient * gradient
        denominator = square + self.eps * self.gradient_scale(step) ** 2
        move = gradient * torch.sqrt((delta + self._unit(lr) * self.eps) / denominator)
        return head_parameters - move, [square, delta * self.rho + move * move]

    def finish(self, slots: list[Tensor], lr: Tensor, steps: int) -> list[Tensor]:
        square, delta = super().finish(slots, lr, steps)
        return [square, delta / self._unit(lr)]

    @staticmethod
    def _unit(lr: Tensor) -> Tensor:
        """Return ``lr^2``, which nothing may be divided by when it is 0: then nothing moves by more than 1e-12."""
        lr = torch.clamp(lr, min=_TINY)
        return lr * lr


class Sgd(OptimizerSteps):
    """SGD with momentum: ``b = momentum b + g; x -= lr b``."""

    slot_names = ("momentum_buffer",)

    def __init__(self) -> None:
        super().__init__()
        self.momentum = OPTIMIZERS["sgd"].constants["momentum"]

    def forward(
        self, head_parameters: Tensor, slots: list[Tensor], gradient: Tensor, lr: Tensor, step: int
    ) -> tuple[Tensor, list[Tensor]]:
        buffer = slots[0] * self.momentum + gradient
        return head_parameters - buffer * lr, [buffer]


class Adam(OptimizerSteps):
    """Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980) with bias correction.

    Both averages are kept divided by 1 - beta, for fewer passes over memory: with ``M = m / (1 - beta_1)``,
    ``V = v / (1 - beta_2)`` and ``r = sqrt((1 - beta_2^t) / (1 - beta_2))`` the step
    ``lr m^ / (sqrt(v^) + eps)`` is ``(lr r (1 - beta_1) / (1 - beta_1^t)) M / (sqrt(V) + r eps)``.
    The corrections ``1 - beta^t`` are slots of their own, ``k' = beta k + (1 - beta)``, so that no step
    count is needed and all slots start at zero.
    """

    slot_names = ("scaled_average", "scaled_square_average", "correction_1", "correction_2")
    scalar_slots = ("correction_1", "correction_2")

    def __init__(self) -> None:
        super().__init__()
        constants = OPTIMIZERS["adam"].constants
        self.beta1, self.beta2, self.eps = constants["beta1"], constants["beta2"], constants["eps"]

    def forward(
        self, head_parameters: Tensor, slots: list[Tensor], gradient: Tensor, lr: Tensor, step: int
    ) -> tuple[Tensor, list[Tensor]]:
        average, square, first, second = slots
        average = average * self.beta1 + gradient
        square = square * self.beta2 + gradient * gradient
        first = first * self.beta1 + (1 - self.beta1)
        second = second * self.beta2 + (1 - self.beta2)
        root = torch.sqrt(second * (1 / (1 - self.beta2)))
        update = average / (torch.sqrt(square) + root * self.eps)
        return head_parameters - update * (lr * (1 - self.beta1) * root / first), [average, square, first, second]


_UPDATES: dict[OptimizerName, type[OptimizerSteps]] = {"adadelta": Adadelta, "sgd": Sgd, "adam": Adam}
_MANY_STEPS = 4


def optimizer_steps(name: OptimizerName, steps: int) -> OptimizerSteps:
    """Return the update of an optimizer.

    Args:
        name: of the optimizer.
        steps: how many steps one call takes.
    """
    if name == "adadelta" and steps >= _MANY_STEPS:
        return _AdadeltaOfManySteps()
    return _UPDATES[name]()
