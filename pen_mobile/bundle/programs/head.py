"""The head's two methods, written so that every heavy product runs in the delegate.

``predict`` is Eq. 1. ``train`` is one or more steps of Eq. 8 by gradient descent: forward, backward
and optimizer update in one graph without autograd, state in and state out. Notation below: h gate
activations, c gate weights, e single experts, y~ output, r = y~ - y, w weights normalised to sum 1.

    L      = sum_j w_j (sum_k r_jk^2 + lambda_1 sum_i |h_ji|)
    dL/de  = 2 w c r             (each expert i, dimension k)
    dL/dh  = c (u - sum_m c_m u_m) + lambda_1 w sign(h),   u_i = sum_k 2 w r_k e_ik

Why it looks as it does: XNNPACK delegates 3-D ``bmm`` and ``linear`` with constant weights but not
``mm``, ``sum`` over inner axes or ``sign``; so sums and repetitions over experts are products with
constant 0/1 matrices, and ``sign`` is a steep clamp. The whole step is then one delegate call. State
tensors are 3-D with a leading 1 because an ``unsqueeze`` at the border would copy them. Of two factors
the right one is packed at every call, so the smaller one stands there. Rows of ``D_z + 1`` numbers begin
anywhere in a cache line; a call of several steps therefore pads them with zeros first, which stay zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName

_ALIGNED = 16  # floats of a cache line
_STEEP = 1e30
_TINY = 1e-12


class _HeadProgram(nn.Module):
    """The constant 0/1 matrices that both methods share; rows of experts alternate valence, arousal."""

    def __init__(self, feature_size: int, expert_count: int, batch: int, padding: int = 0) -> None:
        super().__init__()
        self.feature_size, self.expert_count, self.batch, self.padding = feature_size, expert_count, batch, padding
        one_each = torch.eye(expert_count).repeat_interleave(2, dim=0)
        valence_arousal = torch.eye(2).repeat(expert_count, 1)
        self.register_buffer("repeat_gate", one_each)  # [n_s] -> [2 n_s]
        self.register_buffer("sum_dimensions", one_each.T.contiguous())  # [2 n_s] -> [n_s]
        self.register_buffer("repeat_affect", valence_arousal)  # [2] -> [2 n_s]
        self.register_buffer("sum_experts", valence_arousal.T.contiguous())  # [2 n_s] -> [2]
        self.register_buffer("bias", functional.pad(torch.ones(1, batch, 1), (0, padding)))

    repeat_gate: Tensor
    sum_dimensions: Tensor
    repeat_affect: Tensor
    sum_experts: Tensor
    bias: Tensor

    def with_bias(self, z: Tensor) -> Tensor:
        """Append the 1 that the bias column multiplies: ``[1, B, D_z] -> [1, B, D_z + 1 + padding]``."""
        return torch.cat([z, self.bias], dim=2)

    def evaluate(self, head_parameters: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return h, e, c, c repeated for both dimensions, and y~, each ``[1, B, ...]``."""
        products = self._products(head_parameters, z)
        logits = products[:, :, : self.expert_count]
        experts = products[:, :, self.expert_count :]
        gate = torch.softmax(logits, dim=2)
        repeated = functional.linear(gate, self.repeat_gate)
        affect = functional.linear(repeated * experts, self.sum_experts)
        return logits, experts, gate, repeated, affect

    def _products(self, head_parameters: Tensor, z: Tensor) -> Tensor:
        """Return every row's product with every z, ``[1, B, 3 n_s]``."""
        if self.batch > head_parameters.shape[1]:
            return torch.bmm(z, head_parameters.transpose(1, 2))
        return torch.bmm(head_parameters, z.transpose(1, 2)).transpose(1, 2)


class PredictProgram(_HeadProgram):
    """``(parameters [1, 3 n_s, D_z + 1], z [1, B, D_z]) -> (affect [1, B, 2], gate [1, B, n_s])``."""

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        head_parameters = torch.zeros(1, 3 * self.expert_count, self.feature_size + 1)
        return head_parameters, torch.zeros(1, self.batch, self.feature_size)

    def forward(self, parameters: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        _, _, gate, _, affect = self.evaluate(parameters, self.with_bias(z))
        return affect, gate


class Optimizer(nn.Module, ABC):
    """An optimizer's update as plain arithmetic on the packed matrix.

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
        """Take a call's step number ``step`` (from 0): return the new parameters and the new slots."""

    def gradient_scale(self, step: int) -> float:
        """Return what the gradient of a call's step number ``step`` arrives multiplied by."""
        return 1.0

    def begin(self, slots: list[Tensor], lr: Tensor) -> list[Tensor]:
        """Return the host's slots as the steps of a call want them."""
        return slots

    def finish(self, slots: list[Tensor], lr: Tensor, steps: int) -> list[Tensor]:
        """Return the slots as the host sees them after a call of so many steps."""
        return slots


class Adadelta(Optimizer):
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


class AdadeltaOfManySteps(Adadelta):
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


class Sgd(Optimizer):
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


class Adam(Optimizer):
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


_OPTIMIZER_PROGRAMS: dict[OptimizerName, type[Optimizer]] = {"adadelta": Adadelta, "sgd": Sgd, "adam": Adam}
_MANY_STEPS = 4


def _optimizer_program(name: OptimizerName, steps: int) -> Optimizer:
    if name == "adadelta" and steps >= _MANY_STEPS:
        return AdadeltaOfManySteps()
    return _OPTIMIZER_PROGRAMS[name]()


class TrainProgram(_HeadProgram):
    """``(state.., z [K,B,D_z], y [K,B,2], weight [K,B], hyper [2]) -> (state'.., loss [K])``.

    ``hyper`` is (learning_rate, lambda_1). Samples of weight 0 change nothing, whatever z and y they
    hold as long as these are finite. At least one weight of every step must be above 0.
    """

    hyper_names = ("learning_rate", "lambda_1")

    def __init__(self, feature_size: int, expert_count: int, optimizer: OptimizerName, steps: int, batch: int) -> None:
        super().__init__(feature_size, expert_count, batch, -(feature_size + 1) % _ALIGNED if steps > 1 else 0)
        self.steps = steps
        self.optimizer_name = optimizer
        self.optimizer = _optimizer_program(optimizer, steps)
        self.register_buffer("sum_gate", torch.ones(expert_count, expert_count))  # [n_s] -> the sum, n_s times
        self.register_buffer("total_affect", torch.ones(1, 2))
        self.register_buffer("total_gate", torch.ones(1, expert_count))
        self.register_buffer("total_weight", torch.ones(1, batch))

    sum_gate: Tensor
    total_affect: Tensor
    total_gate: Tensor
    total_weight: Tensor

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every state tensor, parameters first."""
        head_parameters: tuple[int, ...] = (1, 3 * self.expert_count, self.feature_size + 1)
        scalars = self.optimizer.scalar_slots
        slots = {name: (1, 1, 1) if name in scalars else head_parameters for name in self.optimizer.slot_names}
        return {"parameters": head_parameters, **slots}

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        state = [torch.zeros(shape) for shape in self.state_shapes().values()]
        k, b = self.steps, self.batch
        z, y, weight = torch.zeros(k, b, self.feature_size), torch.zeros(k, b, 2), torch.ones(k, b)
        return (*state, z, y, weight, torch.tensor([1.0, 0.0]))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *state, z, y, weight, hyper = inputs
        head_parameters, *slots = (self._padded(tensor) for tensor in state)
        lr, lambda_1 = hyper[0:1].reshape(1, 1, 1), hyper[1:2].reshape(1, 1, 1)
        slots, losses = self.optimizer.begin(slots, lr), []
        for k in range(self.steps):
            step = slice(k, k + 1)
            z_k, share = self.with_bias(z[step]), self._share(weight[step].reshape(1, self.batch, 1))
            gradient, loss = self._gradient(
                head_parameters, z_k, y[step], share, lambda_1, self.optimizer.gradient_scale(k)
            )
            head_parameters, slots = self.optimizer(head_parameters, slots, gradient, lr, k)
            losses.append(loss.reshape(1))
        state = [self._cut(tensor) for tensor in (head_parameters, *self.optimizer.finish(slots, lr, self.steps))]
        return (*state, torch.cat(losses) if self.steps > 1 else losses[0])

    def _padded(self, tensor: Tensor) -> Tensor:
        return functional.pad(tensor, (0, self.padding)) if self.padding and tensor.shape[2] > 1 else tensor

    def _cut(self, tensor: Tensor) -> Tensor:
        return tensor[:, :, : self.feature_size + 1] if self.padding and tensor.shape[2] > 1 else tensor

    def _share(self, weight: Tensor) -> Tensor:
        """Normalise weights ``[1, B, 1]`` to sum 1 (all zero stays zero)."""
        total = functional.linear(weight.reshape(1, 1, self.batch), self.total_weight)
        return weight / torch.clamp(total, min=_TINY)

    def _gradient(
        self, head_parameters: Tensor, z: Tensor, y: Tensor, share: Tensor, lambda_1: Tensor, scale: float
    ) -> tuple[Tensor, Tensor]:
        """Return ``scale`` dL/dP ``[1, 3 n_s, D_z + 1]`` and the loss ``[1, 1, 1]``."""
        logits, experts, gate, repeated, affect = self.evaluate(head_parameters, z)
        residual = affect - y
        sign = torch.clamp(logits * _STEEP, -1.0, 1.0)
        to_affect = functional.linear(residual * (share * (2.0 * scale)), self.repeat_affect)
        to_experts = to_affect * repeated
        u = functional.linear(to_affect * experts, self.sum_dimensions)
        to_logits = gate * (u - functional.linear(gate * u, self.sum_gate)) + sign * (share * (lambda_1 * scale))
        gradient = torch.bmm(torch.cat([to_logits, to_experts], dim=2).transpose(1, 2), z)
        squared = functional.linear(residual * residual, self.total_affect)
        absolute = functional.linear(logits * sign, self.total_gate)
        per_sample = share * (squared + absolute * lambda_1)
        return gradient, functional.linear(per_sample.reshape(1, 1, self.batch), self.total_weight)
