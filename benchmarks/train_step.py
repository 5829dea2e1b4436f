"""How long is one training step of the head on one core, against eager torch with the same mathematics?

Gathering the batch and passing the state in and out are counted for everybody.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import warnings  # noqa: E402

import click  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from executorch.extension.pybindings import portable_lib  # noqa: E402
from executorch.runtime import Runtime  # noqa: E402

from pen_mobile.bundle.head_program import TrainProgram  # noqa: E402
from pen_mobile.bundle.lowering import lower  # noqa: E402
from pen_mobile.network.heads import ExpertHead  # noqa: E402
from pen_mobile.network.losses import adaptation_loss  # noqa: E402
from pen_mobile.network.optimizers import OPTIMIZERS, OptimizerName, make_optimizer  # noqa: E402

EXPERTS, BATCH, POOL, SEED, LAMBDA_1 = 9, 32, 350, 0, 1e-3


class Ours:
    """The exported step in the ExecuTorch runtime."""

    def __init__(self, feature_size: int, optimizer: OptimizerName, steps: int) -> None:
        program = TrainProgram(feature_size, EXPERTS, optimizer, steps, BATCH)
        self.steps, self.hyper = steps, torch.tensor([OPTIMIZERS[optimizer].learning_rate * 0.01, LAMBDA_1])
        self.loaded = Runtime.get().load_program(lower({"train": (program, program.example_inputs())}).buffer)
        self.method = self.loaded.load_method("train")
        self.state = [torch.zeros(shape) for shape in program.state_shapes().values()]
        self.rng = np.random.default_rng(SEED)
        self.z, self.y = pool(feature_size)
        self.batch = np.zeros((steps, BATCH, feature_size), np.float32)
        self.weight = torch.ones(steps, BATCH)

    def __call__(self) -> None:
        rows = self.rng.integers(0, POOL, (self.steps, BATCH))
        np.take(self.z, rows, axis=0, out=self.batch)
        inputs = [*self.state, torch.from_numpy(self.batch), torch.from_numpy(self.y[rows]), self.weight, self.hyper]
        *self.state, _ = self.method.execute(inputs)


class Eager:
    """The same packed head with autograd and torch.optim."""

    def __init__(self, feature_size: int, optimizer: OptimizerName) -> None:
        self.head = ExpertHead(feature_size, EXPERTS)
        self.optimizer = make_optimizer(optimizer, self.head.parameters(), OPTIMIZERS[optimizer].learning_rate * 0.01)
        self.rng = np.random.default_rng(SEED)
        z, y = pool(feature_size)
        self.z, self.y = torch.from_numpy(z), torch.from_numpy(y)

    def __call__(self) -> None:
        rows = torch.from_numpy(self.rng.integers(0, POOL, BATCH))
        self.optimizer.zero_grad()
        adaptation_loss(self.head(self.z[rows]), self.y[rows], LAMBDA_1).backward()
        self.optimizer.step()


def pool(feature_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 350 samples, the number that 5 % of a five-minute recording gives."""
    rng = np.random.default_rng(SEED)
    return rng.random((POOL, feature_size), np.float32), rng.uniform(-1, 1, (POOL, 2)).astype(np.float32)


@click.command()
@click.option("--quick", is_flag=True, help="One small size, few calls.")
def main(quick: bool) -> None:
    warnings.simplefilter("ignore")
    portable_lib._unsafe_reset_threadpool(1)
    rounds, calls = (2, 20) if quick else (9, 200)
    rows = []
    for feature_size in (64,) if quick else (576, 2048):
        variants: dict[str, tuple[object, int]] = {}
        for optimizer in ("adadelta", "sgd", "adam"):
            variants[f"exported, {optimizer}"] = (Ours(feature_size, optimizer, 1), 1)
            variants[f"torch eager, {optimizer}"] = (Eager(feature_size, optimizer), 1)
        variants["exported, adadelta, 4 steps a call"] = (Ours(feature_size, "adadelta", 4), 4)
        seconds = measure.interleave({name: call for name, (call, _) in variants.items()}, rounds, calls)
        reference = measure.summary(seconds["torch eager, adadelta"])["median"]
        for name, (_, steps) in variants.items():
            found = {key: value / steps for key, value in measure.summary(seconds[name]).items()}
            ratio = found["median"] / reference
            milliseconds = {key: round(value * 1e3, 4) for key, value in found.items()}
            rows.append(
                {"D_z": feature_size, "variant": name, "ms a step": milliseconds, "against eager": round(ratio, 3)}
            )
            click.echo(f"{feature_size:5d} {name:36s} {milliseconds['median']:.3f} ms  {ratio:.2f}")
    if not quick:
        facts = {
            "seed": SEED,
            "rounds": rounds,
            "calls a round": calls,
            "threads": 1,
            "batch": BATCH,
            "experts": EXPERTS,
        }
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, **facts))


if __name__ == "__main__":
    main()
