"""The two heads that read the feature z: one for everybody (SN), and a mixture of experts (PEN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadOutput(NamedTuple):
    """Outputs of the expert head for a batch.

    Attributes:
        affect: estimates of the K targets (the paper's y-tilde), ``[B, K]``.
        gate: weight of each expert (c-tilde), rows sum to 1, ``[B, n_s]``.
        logits: gate activations before the softmax (h), ``[B, n_s]``.
        experts: estimates of each expert alone (y-tilde^e), ``[B, n_s, K]``.
    """

    affect: Tensor
    gate: Tensor
    logits: Tensor
    experts: Tensor

    def of_rows(self, rows: Tensor) -> HeadOutput:
        """Return the outputs of some samples.

        Args:
            rows: numbers of the samples, int64 ``[M]``.
        """
        return HeadOutput(*(part[rows] for part in self))


class Dense(nn.Linear):
    """A linear layer with the initial weights of Keras' ``Dense``, in which the paper's heads were written."""

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights Glorot uniform, U(-a, a) with ``a = sqrt(6 / (fan_in + fan_out))``; set the bias to 0.

        Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, and
        https://keras.io/api/layers/core_layers/dense/.

        Args:
            generator: source of the draws; None is torch's global one.
        """
        nn.init.xavier_uniform_(self.weight, generator=generator)
        nn.init.zeros_(self.bias)


class SharedHead(Dense):
    """The shared network SN: one linear layer ``D_z -> K`` (Section 3.2)."""

    def __init__(self, feature_size: int, target_count: int = 2) -> None:
        """Draw initial weights.

        Args:
            feature_size: D_z.
            target_count: K.
        """
        super().__init__(feature_size, target_count)


class ExpertHead(nn.Module):
    """The personalized expert network PEN: n_s linear experts weighed by a softmax gate (Eqs. 1-3).

    Gate and experts read the same z and are linear, so all of them are one matrix ``head_parameters``
    ``[n_s (1 + K), D_z + 1]``: rows ``0 .. n_s-1`` are the gate, then the K targets of expert 1, of
    expert 2, and so on; the last column is the bias. It starts at zero: every expert silent and the
    gate undecided.
    """

    def __init__(self, feature_size: int, expert_count: int, target_count: int = 2) -> None:
        """Start at zero.

        Args:
            feature_size: D_z.
            expert_count: n_s.
            target_count: K.
        """
        super().__init__()
        self.feature_size = feature_size
        self.expert_count = expert_count
        self.target_count = target_count
        self.head_parameters = nn.Parameter(torch.zeros(expert_count * (1 + target_count), feature_size + 1))

    def forward(self, z: Tensor) -> HeadOutput:
        """Return estimates, gate weights, gate activations and single experts for features ``[B, D_z]``."""
        products = functional.linear(z, self.head_parameters[:, :-1], self.head_parameters[:, -1])
        logits = products[:, : self.expert_count]
        experts = products[:, self.expert_count :].view(-1, self.expert_count, self.target_count)
        gate = torch.softmax(logits, dim=1)
        affect = torch.einsum("bn,bnk->bk", gate, experts)
        return HeadOutput(affect, gate, logits, experts)

    @property
    def gate_rows(self) -> Tensor:
        """View of the gate's weights and bias (W^c), ``[n_s, D_z + 1]``."""
        return self.head_parameters[: self.expert_count]

    @property
    def expert_rows(self) -> Tensor:
        """View of the experts' weights and biases (W^e_i), ``[n_s, K, D_z + 1]``."""
        return self.head_parameters[self.expert_count :].view(self.expert_count, self.target_count, -1)

    @torch.no_grad()
    def start_from_shared(self, shared: nn.Linear) -> None:
        """Give every expert the weights of the shared head: W^e_i <- W^s (Algorithm 1, step 3)."""
        self.expert_rows.copy_(_rows(shared))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw gate and experts as separate :class:`Dense` layers would: the start of t-SN and t-PEN.

        Args:
            generator: source of the draws; None is torch's global one.
        """
        layers = [Dense(self.feature_size, self.expert_count)]
        layers += [Dense(self.feature_size, self.target_count) for _ in range(self.expert_count)]
        for layer in layers:
            layer.reset_parameters(generator)
        drawn = type(self).from_layers(layers[0], layers[1:])
        self.load_state_dict(drawn.state_dict())

    @classmethod
    @torch.no_grad()
    def from_layers(cls, gate: nn.Linear, experts: Sequence[nn.Linear]) -> ExpertHead:
        """Pack a gate and experts into one matrix, without loss.

        Args:
            gate: layer ``D_z -> n_s``.
            experts: n_s layers ``D_z -> K``.
        """
        head = cls(gate.in_features, len(experts), experts[0].out_features)
        head.gate_rows.copy_(_rows(gate))
        head.expert_rows.copy_(torch.stack([_rows(expert) for expert in experts]))
        return head

    @classmethod
    @torch.no_grad()
    def of_shared(cls, shared: nn.Linear) -> ExpertHead:
        """Return the shared head as a mixture of one, whose gate is 0: a softmax over one expert is 1.

        Args:
            shared: layer ``D_z -> K``.
        """
        head = cls(shared.in_features, 1, shared.out_features)
        head.start_from_shared(shared)
        return head

    @torch.no_grad()
    def to_layers(self) -> tuple[nn.Linear, list[nn.Linear]]:
        """Return the gate and the experts as separate layers, without loss."""
        return _layer(self.gate_rows), [_layer(rows) for rows in self.expert_rows]


def shared_parameters(shared: nn.Linear) -> Tensor:
    """Return the head parameters of a shared head as a mixture of one, ``[1 + K, D_z + 1]``.

    Args:
        shared: layer ``D_z -> K``.
    """
    return ExpertHead.of_shared(shared).head_parameters.detach()


def _rows(layer: nn.Linear) -> Tensor:
    return torch.cat([layer.weight, layer.bias[:, None]], dim=1)


def _layer(rows: Tensor) -> nn.Linear:
    layer = nn.Linear(rows.shape[1] - 1, rows.shape[0])
    layer.weight.copy_(rows[:, :-1])
    layer.bias.copy_(rows[:, -1])
    return layer
