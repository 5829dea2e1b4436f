"""ExecuTorch's training extension: its joint graph of forward and backward, and its SGD, the only optimizer it has."""

from __future__ import annotations

from importlib import metadata

import torch
from executorch.exir import EdgeCompileConfig, to_edge
from executorch.extension.pybindings import portable_lib
from executorch.extension.training import _load_for_executorch_for_training_from_buffer, get_sgd_optimizer
from step_worker import EXPERTS, LAMBDA_1, Samples, Step, Wanted, initial_parameters, serve
from torch import Tensor, nn
from torch.export.experimental import _export_forward_backward
from torch.nn import functional

_LEARNING_RATE = 1e-4


class HeadWithLoss(nn.Module):
    """The packed head and Eq. 8, in operators that have gradients in ExecuTorch's core set."""

    def __init__(self, head_parameters: Tensor) -> None:
        super().__init__()
        self.layer = nn.Linear(head_parameters.shape[1] - 1, len(head_parameters))
        self.layer.weight.data, self.layer.bias.data = (
            head_parameters[:, :-1].contiguous(),
            head_parameters[:, -1].contiguous(),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        products = self.layer(z)
        logits = products[:, :EXPERTS]
        experts = products[:, EXPERTS:].reshape(-1, EXPERTS, 2)
        gate = functional.softmax(logits, dim=1)
        affect = (gate.unsqueeze(2) * experts).sum(1)
        squared = ((affect - y) * (affect - y)).sum(1)
        return (squared + LAMBDA_1 * logits.abs().sum(1)).mean()


def make(wanted: Wanted) -> Step:
    """Return a step."""
    portable_lib._unsafe_reset_threadpool(wanted.threads)
    head = HeadWithLoss(torch.from_numpy(initial_parameters(wanted.features)))
    examples = (torch.zeros(wanted.batch, wanted.features), torch.zeros(wanted.batch, 2))
    joint = _export_forward_backward(torch.export.export(head, examples, strict=True))
    program = to_edge(joint, compile_config=EdgeCompileConfig(_check_ir_validity=False)).to_executorch()
    buffer = program.buffer  # the module reads from it for as long as it lives
    module = _load_for_executorch_for_training_from_buffer(buffer)
    samples = Samples(wanted)
    module.forward_backward("forward", examples)  # parameters have names only after the first pass
    parameters = module.named_parameters()
    sgd = get_sgd_optimizer(parameters, _LEARNING_RATE)
    alive = (buffer, parameters)

    def step(alive: object = alive) -> None:
        z, y = map(torch.from_numpy, samples.fresh())
        module.forward_backward("forward", (z[0], y[0]))
        sgd.step(module.named_gradients())

    return step


if __name__ == "__main__":
    serve(make, lambda: {"executorch": metadata.version("executorch"), "torch": torch.__version__})
