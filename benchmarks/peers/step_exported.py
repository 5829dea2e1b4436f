"""Ours: the exported step in the ExecuTorch runtime, state in and state out."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import get_args

import torch
from executorch.extension.pybindings import portable_lib
from step_worker import EXPERTS, LAMBDA_1, Samples, Step, Wanted, initial_parameters, serve

from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.bundle.programs.train import TrainProgram
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName

COPIED, HANDED_OVER = "state copied", "state handed over"
_SMALLER = 0.01  # than the default learning rate: hundreds of steps on noise must not diverge


def make(wanted: Wanted) -> Step:
    """Return a step of the variant ``<optimizer>, state copied`` or ``<optimizer>, state handed over``.

    Copied: the new state is cloned out of the runtime by every call. Handed over: two copies of the program take
    turns, each reading the state where the other wrote it, so that nothing is copied or overwritten while it is read.
    """
    name, how = wanted.variant.split(", ")
    optimizer = {known: known for known in get_args(OptimizerName)}[name]
    portable_lib._unsafe_reset_threadpool(wanted.threads)
    program = TrainProgram(HeadSize(wanted.features, EXPERTS), optimizer, wanted.steps, wanted.batch)
    buffer = lowered(wanted.features, optimizer, wanted.steps, wanted.batch)
    copies = [portable_lib._load_for_executorch_from_buffer(buffer) for _ in range(1 if how == COPIED else 2)]
    state = [torch.zeros(shape) for shape in program.state_shapes().values()]
    state[0] = torch.from_numpy(initial_parameters(wanted.features))[None]
    weight = torch.ones(wanted.steps, wanted.batch)
    hyper = torch.tensor([OPTIMIZERS[optimizer].learning_rate * _SMALLER, LAMBDA_1])
    samples = Samples(wanted)

    def step(alive: bytes = buffer) -> None:  # the runtime reads from the buffer for as long as it lives
        z, y = map(torch.from_numpy, samples.fresh())
        copies.append(copies.pop(0))
        state[:] = copies[0].run_method("train", [*state, z, y, weight, hyper], clone_outputs=how == COPIED)[:-1]

    return step


@cache
def lowered(features: int, optimizer: OptimizerName, steps: int, batch: int) -> bytes:
    """Return the program that a bundle would ship."""
    program = TrainProgram(HeadSize(features, EXPERTS), optimizer, steps, batch)
    return lower({"train": (program, program.example_inputs())}).buffer


if __name__ == "__main__":
    serve(make, lambda: {"executorch": metadata.version("executorch"), "torch": torch.__version__})
