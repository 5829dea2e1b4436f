"""The optimizers: constants, and the steps that the formulas give."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import nn

from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName, make_optimizer

START = [2.0, -1.0, 0.5]
GRADIENTS = [[1.0, -0.5, 0.0], [0.25, 3.0, 1e-3], [-1.0, 0.5, 1e-4], [0.0, 0.0, 0.0], [2.0, -2.0, 1.0], [0.1, 0.2, 0.3]]


def steps_of(name: OptimizerName, learning_rate: float | None = None) -> list[list[float]]:
    """Where the optimizer brings ``START`` after each of ``GRADIENTS``, in float64."""
    parameter = nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = make_optimizer(name, [parameter], learning_rate)
    places = []
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        places.append(parameter.tolist())
    return places


def assert_places(got: list[list[float]], expected: list[list[float]]) -> None:
    torch.testing.assert_close(
        torch.tensor(got, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("learning_rate", [None, 0.3])
def test_adadelta_is_keras_adadelta(learning_rate: float | None) -> None:
    """Keras' formula as a loop, with its defaults rho = 0.95, eps = 1e-7 and the paper's lr = 1.

    accum <- rho accum + (1 - rho) g^2
    update = g sqrt(accum_delta + eps) / sqrt(accum + eps)
    p <- p - lr update
    accum_delta <- rho accum_delta + (1 - rho) update^2
    """
    rho, eps, lr = 0.95, 1e-7, 1.0 if learning_rate is None else learning_rate
    place, accum, accum_delta = list(START), [0.0] * 3, [0.0] * 3
    expected = []
    for gradient in GRADIENTS:
        for i, g in enumerate(gradient):
            accum[i] = rho * accum[i] + (1 - rho) * g**2
            update = g * math.sqrt(accum_delta[i] + eps) / math.sqrt(accum[i] + eps)
            place[i] -= lr * update
            accum_delta[i] = rho * accum_delta[i] + (1 - rho) * update**2
        expected.append(list(place))
    assert_places(steps_of("adadelta", learning_rate), expected)


def test_first_adadelta_step_by_hand() -> None:
    """g = 1: accum = 0.05; step = sqrt(1e-7) / sqrt(0.05 + 1e-7) = 3.16228e-4 / 0.2236070 = 1.414212e-3."""
    assert START[0] - steps_of("adadelta")[0][0] == pytest.approx(1.414212e-3, rel=1e-6)


@pytest.mark.parametrize("learning_rate", [None, 0.3])
def test_sgd_has_keras_like_momentum(learning_rate: float | None) -> None:
    """v <- 0.9 v + g; p <- p - lr v."""
    lr = 0.01 if learning_rate is None else learning_rate
    place, velocity, expected = list(START), [0.0] * 3, []
    for gradient in GRADIENTS:
        for i, g in enumerate(gradient):
            velocity[i] = 0.9 * velocity[i] + g
            place[i] -= lr * velocity[i]
        expected.append(list(place))
    assert_places(steps_of("sgd", learning_rate), expected)


@pytest.mark.parametrize("learning_rate", [None, 0.3])
def test_adam_corrects_its_bias(learning_rate: float | None) -> None:
    """Adam with its usual constants, at step t.

    m <- 0.9 m + 0.1 g
    v <- 0.999 v + 0.001 g^2
    p <- p - lr (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.999^t)) + 1e-8)
    """
    lr = 1e-3 if learning_rate is None else learning_rate
    place, first, second, expected = list(START), [0.0] * 3, [0.0] * 3, []
    for t, gradient in enumerate(GRADIENTS, start=1):
        for i, g in enumerate(gradient):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            place[i] -= lr * (first[i] / (1 - 0.9**t)) / (math.sqrt(second[i] / (1 - 0.999**t)) + 1e-8)
        expected.append(list(place))
    assert_places(steps_of("adam", learning_rate), expected)


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_torch_gets_every_recorded_constant(name: OptimizerName) -> None:
    """What is written into a manifest must be what the server trained with."""
    group = make_optimizer(name, [nn.Parameter(torch.zeros(1))]).param_groups[0]
    used = dict(group) | ({"beta1": group["betas"][0], "beta2": group["betas"][1]} if "betas" in group else {})
    spec = OPTIMIZERS[name]
    assert used["lr"] == spec.learning_rate
    assert {key: used[key] for key in spec.constants} == spec.constants
    assert used.get("weight_decay", 0) == 0
    assert not used.get("nesterov", False)
    assert not used.get("amsgrad", False)
    assert used.get("dampening", 0) == 0


def test_every_optimizer_has_constants() -> None:
    assert set(OPTIMIZERS) == set(get_args(OptimizerName))
    assert OPTIMIZERS["adadelta"].learning_rate == 1.0
    assert OPTIMIZERS["adadelta"].constants == {"rho": 0.95, "eps": 1e-7}
