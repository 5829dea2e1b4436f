"""The train step written by hand, against autograd and torch.optim; then the same in the real runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pen_mobile.bundle.programs.head import HeadSize, PredictProgram
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.bundle.programs.train import TrainProgram
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.losses import adaptation_loss
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName, make_optimizer

FEATURES, EXPERTS, BATCH = 24, 4, 8
OPTIMIZER_NAMES: list[OptimizerName] = ["adadelta", "sgd", "adam"]


def _head(seed: int = 0) -> ExpertHead:
    head = ExpertHead(FEATURES, EXPERTS)
    head.head_parameters.data = 0.3 * torch.randn(
        head.head_parameters.shape, generator=torch.Generator().manual_seed(seed)
    )
    return head


def _steps(count: int, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    """Batches of 8 samples, every third one short."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [BATCH if step % 3 != 2 else 1 + step % BATCH for step in range(count)]
    return [
        (torch.randn(n, FEATURES, generator=generator), torch.rand(n, 2, generator=generator) * 2 - 1) for n in sizes
    ]


def _padded(z: Tensor, y: Tensor, filler: float) -> tuple[Tensor, Tensor, Tensor]:
    """A full batch whose last samples are ``filler`` under weight 0, each with the leading axis K = 1."""
    full_z, full_y, weight = torch.full((BATCH, FEATURES), filler), torch.full((BATCH, 2), filler), torch.zeros(BATCH)
    full_z[: len(z)], full_y[: len(y)], weight[: len(z)] = z, y, 1
    return full_z[None], full_y[None], weight[None]


def _reference(head: ExpertHead, name: OptimizerName, lr: float, lambda_1: float, steps: int) -> list[float]:
    """Train eagerly with autograd and torch.optim on unpadded batches; returns the loss before each step."""
    optimizer = make_optimizer(name, head.parameters(), lr)
    losses = []
    for z, y in _steps(steps):
        optimizer.zero_grad()
        loss = adaptation_loss(head(z), y, lambda_1)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def test_gradient_equals_autograd_in_float64() -> None:
    """One SGD step with lr 1 from zero momentum moves the parameters by exactly minus the gradient."""
    head = _head().double()
    z, y = (values.double() for values in _steps(1)[0])
    lambda_1 = 0.05
    adaptation_loss(head(z), y, lambda_1).backward()
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), "sgd", steps=1, batch=BATCH).double()
    head_parameters = head.head_parameters.detach()[None]
    weight, hyper = torch.ones(1, BATCH).double(), torch.tensor([1.0, lambda_1], dtype=torch.float64)
    moved, momentum, loss = program(head_parameters, torch.zeros_like(head_parameters), z[None], y[None], weight, hyper)
    gradient = head.head_parameters.grad
    assert gradient is not None
    torch.testing.assert_close(head_parameters - moved, gradient[None], rtol=0, atol=1e-14)
    torch.testing.assert_close(momentum, gradient[None], rtol=0, atol=1e-14)
    torch.testing.assert_close(loss[0], adaptation_loss(head(z), y, lambda_1).detach(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("targets", [1, 3, 8])
def test_any_number_of_targets(targets: int) -> None:
    """Predict and one step of SGD, against the head of torch and autograd, in float64."""
    generator = torch.Generator().manual_seed(targets)
    head = ExpertHead(FEATURES, EXPERTS, targets).double()
    head.head_parameters.data.normal_(0, 0.3, generator=generator)
    z = torch.randn(BATCH, FEATURES, generator=generator, dtype=torch.float64)
    y = torch.rand(BATCH, targets, generator=generator, dtype=torch.float64)
    size, head_parameters = HeadSize(FEATURES, EXPERTS, targets), head.head_parameters.detach()[None]
    assert size.parameters_shape == head_parameters.shape
    estimates, gate = PredictProgram(size, BATCH).double()(head_parameters, z[None])
    expected = head(z)
    torch.testing.assert_close(estimates[0], expected.affect.detach(), rtol=0, atol=1e-14)
    torch.testing.assert_close(gate[0], expected.gate.detach(), rtol=0, atol=1e-14)
    adaptation_loss(expected, y, 0.05).backward()
    program = TrainProgram(size, "sgd", steps=1, batch=BATCH).double()
    weight, hyper = torch.ones(1, BATCH).double(), torch.tensor([1.0, 0.05], dtype=torch.float64)
    moved, *_ = program(head_parameters, torch.zeros_like(head_parameters), z[None], y[None], weight, hyper)
    gradient = head.head_parameters.grad
    assert gradient is not None
    torch.testing.assert_close(head_parameters - moved, gradient[None], rtol=0, atol=1e-13)


def test_weights_are_shares_of_the_loss() -> None:
    """A sample of weight 2 counts as that sample twice: sum(w l) / sum(w) over 3 equals the mean over (a, b, b)."""
    z, y = _steps(1)[0]
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), "sgd", steps=1, batch=3)
    head_parameters = _head().head_parameters.detach()[None]
    hyper = torch.tensor([0.5, 0.01])
    once = program(
        head_parameters,
        torch.zeros_like(head_parameters),
        z[None, [0, 1, 2]],
        y[None, [0, 1, 2]],
        torch.tensor([[1.0, 2, 0]]),
        hyper,
    )
    twice = program(
        head_parameters,
        torch.zeros_like(head_parameters),
        z[None, [0, 1, 1]],
        y[None, [0, 1, 1]],
        torch.ones(1, 3),
        hyper,
    )
    for left, right in zip(once, twice, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
@pytest.mark.parametrize("lambda_1", [0.0, 0.02])
def test_twenty_steps_equal_torch_optim(name: OptimizerName, lambda_1: float) -> None:
    """Parameters within 1e-5 after 20 steps, short batches among them, whatever the padding holds."""
    head, lr = _head(), OPTIMIZERS[name].learning_rate
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), name, steps=1, batch=BATCH)
    state = [torch.zeros(shape) for shape in program.state_shapes().values()]
    state[0] = head.head_parameters.detach()[None].clone()
    losses = []
    for z, y in _steps(20):
        *state, loss = program(*state, *_padded(z, y, filler=7.0), torch.tensor([lr, lambda_1]))
        losses.append(float(loss))
    expected = _reference(head, name, lr, lambda_1, 20)
    torch.testing.assert_close(state[0][0], head.head_parameters.detach(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, expected, atol=1e-5)
    assert not torch.equal(_head().head_parameters, head.head_parameters)


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
@pytest.mark.parametrize("steps", [3, 5])
def test_several_steps_in_a_call_equal_as_many_calls(name: OptimizerName, steps: int) -> None:
    """To rounding: within a call Adadelta keeps its averages in other scales, and padded rows add up in another order.

    Two calls with different learning rates, for Adadelta's average of what it moves by must not depend on them.
    """
    one, several = (TrainProgram(HeadSize(FEATURES, EXPERTS), name, steps=k, batch=BATCH) for k in (1, steps))
    state = [torch.zeros(shape) for shape in one.state_shapes().values()]
    state[0] = _head().head_parameters.detach()[None]
    together = state
    batches = [_padded(z, y, filler=0.0) for z, y in _steps(steps)]
    for share in (1.0, 0.2):
        hyper = torch.tensor([share * OPTIMIZERS[name].learning_rate, 1e-3])
        *together, losses = several(*together, *(torch.cat(parts) for parts in zip(*batches, strict=True)), hyper)
        single = []
        for batch in batches:
            *state, loss = one(*state, *batch, hyper)
            single.append(loss)
        for left, right in zip((*together, losses), (*state, torch.cat(single)), strict=True):
            torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
@pytest.mark.parametrize("steps", [1, 5])
def test_learning_rate_0_moves_nothing(name: OptimizerName, steps: int) -> None:
    """And leaves slots that the next call can use: with many steps a call Adadelta divides by the learning rate."""
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), name, steps, batch=BATCH)
    state = [torch.zeros(shape) for shape in program.state_shapes().values()]
    state[0] = start = _head().head_parameters.detach()[None]
    batches = [torch.cat(parts) for parts in zip(*(_padded(*b, filler=0.0) for b in _steps(steps)), strict=True)]
    *state, _ = program(*state, *batches, torch.tensor([0.0, 1e-3]))
    torch.testing.assert_close(state[0], start, rtol=0, atol=1e-12)
    assert all(bool(torch.isfinite(slot).all()) for slot in state)


def test_predict_is_equation_1() -> None:
    head = _head()
    z = torch.randn(BATCH, FEATURES, generator=torch.Generator().manual_seed(3))
    affect, gate = PredictProgram(HeadSize(FEATURES, EXPERTS), BATCH)(head.head_parameters.detach()[None], z[None])
    expected = head(z)
    torch.testing.assert_close(affect[0], expected.affect.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(gate[0], expected.gate.detach(), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps", "limit"),
    [
        *((name, 1, 30_000) for name in OPTIMIZER_NAMES),
        ("adadelta", 4, 60_000),
        pytest.param("adam", 4, 60_000, marks=pytest.mark.nightly),
    ],
)
def test_lowered_step_is_one_delegate_call_and_equals_torch(name: OptimizerName, steps: int, limit: int) -> None:
    """In the real runtime: 20 steps within 1e-5 of torch.optim, nothing left outside XNNPACK, below 30 KB."""
    from executorch.runtime import Runtime

    head, lr = _head(), OPTIMIZERS[name].learning_rate
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), name, steps, batch=BATCH)
    lowered = lower({"train": (program, program.example_inputs())})
    assert lowered.delegate_calls == {"train": 1}
    assert lowered.outside_delegate == {"train": []}
    assert len(lowered.buffer) < limit
    loaded = Runtime.get().load_program(lowered.buffer)
    method = loaded.load_method("train")
    state = [torch.zeros(shape) for shape in program.state_shapes().values()]
    state[0] = head.head_parameters.detach()[None].clone()
    batches = [_padded(z, y, filler=3.0) for z, y in _steps(20)]
    for start in range(0, 20, steps):
        call = [torch.cat(parts) for parts in zip(*batches[start : start + steps], strict=True)]
        *state, _ = method.execute([*state, *call, torch.tensor([lr, 1e-3])])
    _reference(head, name, lr, 1e-3, 20)
    torch.testing.assert_close(state[0][0], head.head_parameters.detach(), rtol=0, atol=1e-5)
