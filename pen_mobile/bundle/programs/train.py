"""The head's train methods: one or more steps of Eq. (8) without autograd, state in and state out.

Notation: h gate activations, c gate weights, e single experts, y~ output, r = y~ - y, w weights normalised to sum 1.

    L      = sum_j w_j (sum_k r_jk^2 + lambda_1 sum_i |h_ji|)
    dL/de  = 2 w c r             (each expert i, target k)
    dL/dh  = c (u - sum_m c_m u_m) + lambda_1 w sign(h),   u_i = sum_k 2 w r_k e_ik

Forward pass, backward pass and optimizer update are one graph and one delegate call. Rows of ``D_z + 1`` numbers begin
anywhere in a cache line; a call of several steps therefore pads them with zeros first, which stay zero.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pen_mobile.bundle.programs.head import HeadSize, MixtureProgram
from pen_mobile.bundle.programs.optimizer_steps import optimizer_steps
from pen_mobile.models.optimizers import OptimizerName

_ALIGNED = 16  # floats of a cache line
_STEEP = 1e30
_TINY = 1e-12


class TrainProgram(MixtureProgram):
    """``(state.., z [S,B,D_z], y [S,B,K], weight [S,B], hyper [2]) -> (state'.., loss [S])``.

    ``hyper`` is (learning_rate, lambda_1). Samples of weight 0 change nothing, whatever z and y they
    hold as long as these are finite. At least one weight of every step must be above 0.
    """

    hyper_names = ("learning_rate", "lambda_1")

    def __init__(self, size: HeadSize, optimizer: OptimizerName, steps: int, batch: int) -> None:
        """Make a program.

        Args:
            size: of the head.
            optimizer: whose update it takes.
            steps: S, optimizer steps in one call.
            batch: B, samples in one step.
        """
        super().__init__(size, batch, -(size.features + 1) % _ALIGNED if steps > 1 else 0)
        self.steps = steps
        self.optimizer_name = optimizer
        self.optimizer = optimizer_steps(optimizer, steps)
        self.register_buffer("sum_targets", self.repeat_gate.T.contiguous())  # [K n_s] -> [n_s]
        self.register_buffer("repeat_targets", self.sum_experts.T.contiguous())  # [K] -> [K n_s]
        self.register_buffer("sum_gate", torch.ones(size.experts, size.experts))  # [n_s] -> the sum, n_s times
        self.register_buffer("total_targets", torch.ones(1, size.targets))
        self.register_buffer("total_gate", torch.ones(1, size.experts))
        self.register_buffer("total_weight", torch.ones(1, batch))

    sum_targets: Tensor
    repeat_targets: Tensor
    sum_gate: Tensor
    total_targets: Tensor
    total_gate: Tensor
    total_weight: Tensor

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every state tensor, parameters first."""
        head_parameters: tuple[int, ...] = self.size.parameters_shape
        scalars = self.optimizer.scalar_slots
        slots = {name: (1, 1, 1) if name in scalars else head_parameters for name in self.optimizer.slot_names}
        return {"head_parameters": head_parameters, **slots}

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        state = [torch.zeros(shape) for shape in self.state_shapes().values()]
        s, b = self.steps, self.batch
        z, y, weight = torch.zeros(s, b, self.size.features), torch.zeros(s, b, self.size.targets), torch.ones(s, b)
        return (*state, z, y, weight, torch.tensor([1.0, 0.0]))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *state, z, y, weight, hyper = inputs
        head_parameters, *slots = (self._padded(tensor) for tensor in state)
        lr, lambda_1 = hyper[0:1].reshape(1, 1, 1), hyper[1:2].reshape(1, 1, 1)
        slots, losses = self.optimizer.begin(slots, lr), []
        for number in range(self.steps):
            step = slice(number, number + 1)
            batch_z, share = self.with_bias(z[step]), self._share(weight[step].reshape(1, self.batch, 1))
            gradient, loss = self._gradient(
                head_parameters, batch_z, y[step], share, lambda_1, self.optimizer.gradient_scale(number)
            )
            head_parameters, slots = self.optimizer(head_parameters, slots, gradient, lr, number)
            losses.append(loss.reshape(1))
        state = [self._cut(tensor) for tensor in (head_parameters, *self.optimizer.finish(slots, lr, self.steps))]
        return (*state, torch.cat(losses) if self.steps > 1 else losses[0])

    def _padded(self, tensor: Tensor) -> Tensor:
        return functional.pad(tensor, (0, self.padding)) if self.padding and tensor.shape[2] > 1 else tensor

    def _cut(self, tensor: Tensor) -> Tensor:
        return tensor[:, :, : self.size.features + 1] if self.padding and tensor.shape[2] > 1 else tensor

    def _share(self, weight: Tensor) -> Tensor:
        """Normalise weights ``[1, B, 1]`` to sum 1 (all zero stays zero)."""
        total = functional.linear(weight.reshape(1, 1, self.batch), self.total_weight)
        return weight / torch.clamp(total, min=_TINY)

    def _gradient(
        self, head_parameters: Tensor, z: Tensor, y: Tensor, share: Tensor, lambda_1: Tensor, scale: float
    ) -> tuple[Tensor, Tensor]:
        """Return ``scale`` dL/dP ``[1, n_s (1 + K), D_z + 1]`` and the loss ``[1, 1, 1]``."""
        logits, experts, gate, repeated, targets = self.evaluate(head_parameters, z)
        residual = targets - y
        sign = torch.clamp(logits * _STEEP, -1.0, 1.0)
        to_targets = functional.linear(residual * (share * (2.0 * scale)), self.repeat_targets)
        to_experts = to_targets * repeated
        u = functional.linear(to_targets * experts, self.sum_targets)
        to_logits = gate * (u - functional.linear(gate * u, self.sum_gate)) + sign * (share * (lambda_1 * scale))
        gradient = torch.bmm(torch.cat([to_logits, to_experts], dim=2).transpose(1, 2), z)
        squared = functional.linear(residual * residual, self.total_targets)
        absolute = functional.linear(logits * sign, self.total_gate)
        per_sample = share * (squared + absolute * lambda_1)
        return gradient, functional.linear(per_sample.reshape(1, 1, self.batch), self.total_weight)
