"""torch on the server's own head: autograd and ``torch.optim``, the same mathematics as ours."""

from __future__ import annotations

import torch
from step_worker import EXPERTS, LAMBDA_1, Samples, Step, Wanted, initial_parameters, serve
from torch import Tensor, nn

from pen_mobile.models.heads import ExpertHead, HeadOutput
from pen_mobile.models.losses import adaptation_loss
from pen_mobile.models.optimizers import OPTIMIZERS, make_optimizer

_SMALLER = 0.01


class NineExperts(nn.Module):
    """Ten layers side by side, as the network is usually written down."""

    def __init__(self, head: ExpertHead) -> None:
        super().__init__()
        self.gate, experts = head.to_layers()
        self.experts = nn.ModuleList(experts)

    def forward(self, z: Tensor) -> HeadOutput:
        logits = self.gate(z)
        gate = torch.softmax(logits, dim=1)
        experts = torch.stack([expert(z) for expert in self.experts], dim=1)
        return HeadOutput((gate[:, :, None] * experts).sum(dim=1), gate, logits, experts)


def make(wanted: Wanted) -> Step:
    """Return a step of the variant ``<optimizer>, fused``, ``.., fused, compiled`` or ``.., nine experts``."""
    torch.set_num_threads(wanted.threads)
    optimizer_name, *how = wanted.variant.split(", ")
    head_parameters = ExpertHead(wanted.features, EXPERTS)
    head_parameters.head_parameters.data = torch.from_numpy(initial_parameters(wanted.features))
    head = NineExperts(head_parameters) if "nine experts" in how else head_parameters
    spec = OPTIMIZERS[optimizer_name]  # type: ignore[index]
    optimizer = make_optimizer(optimizer_name, head.parameters(), spec.learning_rate * _SMALLER)  # type: ignore[arg-type]
    samples = Samples(wanted)

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return adaptation_loss(head(z), y, LAMBDA_1)

    loss_of, update = (torch.compile(part) if "compiled" in how else part for part in (loss, optimizer.step))

    def step() -> None:
        z, y = map(torch.from_numpy, samples.fresh())
        loss_of(z[0], y[0]).backward()
        update()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    serve(make, lambda: {"torch": torch.__version__})
