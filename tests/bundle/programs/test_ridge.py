"""Closed-form adaptation by products alone, against the solver in float64; then in the real runtime."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.bundle.programs.ridge import LOOSENESS, RidgeProgram
from pen_mobile.training.strategies.mixture import evaluate
from pen_mobile.training.strategies.ridge import fit_experts

FEATURES, EXPERTS, LABELS = 12, 3, 16


def head(seed: int = 0) -> Tensor:
    return 0.3 * torch.randn(3 * EXPERTS, FEATURES + 1, generator=torch.Generator().manual_seed(seed))


def labelled(head_parameters: Tensor, count: int, noise: float, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Samples of somebody whose experts and offset differ from the head's, with noise."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, FEATURES, generator=generator)
    own = head_parameters + 0.1 * torch.randn(head_parameters.shape, generator=generator)
    return z, evaluate(own, z).affect.float() + 0.3 + noise * torch.randn(count, 2, generator=generator)


def padded(z: Tensor, y: Tensor, filler: float) -> tuple[Tensor, Tensor, Tensor]:
    full_z, full_y, weight = (
        torch.full((LABELS, FEATURES), filler),
        torch.full((LABELS, 2), filler),
        torch.zeros(LABELS),
    )
    full_z[: len(z)], full_y[: len(y)], weight[: len(z)] = z, y, 1
    return full_z[None], full_y[None], weight[None]


def adapted(head_parameters: Tensor, z: Tensor, y: Tensor, weight: Tensor, looseness: float) -> Tensor:
    program = RidgeProgram(HeadSize(FEATURES, EXPERTS), LABELS)
    return program(head_parameters[None], z, y, weight, torch.tensor([looseness]))[0]


@pytest.mark.parametrize("count", [1, 3, 7, LABELS])
@pytest.mark.parametrize("looseness", [*LOOSENESS, 0.37])
def test_it_is_the_solution_of_the_ridge_problem(count: int, looseness: float) -> None:
    head_parameters = head()
    z, y = labelled(head_parameters, count, noise=0.5)
    found = adapted(head_parameters, *padded(z, y, filler=0.7), looseness)
    torch.testing.assert_close(found, fit_experts(head_parameters, z, y, looseness), rtol=1e-3, atol=1e-3)


def test_looseness_0_is_the_mean_residual_on_every_bias() -> None:
    """y is what the head says plus (0.25, -0.5): only the biases move, by just that."""
    head_parameters = head()
    z = torch.randn(5, FEATURES, generator=torch.Generator().manual_seed(5))
    shift = torch.tensor([0.25, -0.5])
    found = adapted(head_parameters, *padded(z, evaluate(head_parameters, z).affect.float() + shift, filler=0.0), 0.0)
    expected = head_parameters.clone()
    expected[EXPERTS:, -1] += shift.repeat(EXPERTS)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_what_lies_under_weight_0_does_not_matter() -> None:
    head_parameters = head()
    z, y = labelled(head_parameters, 5, noise=0.3)
    one, two = (adapted(head_parameters, *padded(z, y, filler), 1.0) for filler in (0.0, 3.0))
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_weight_2_is_the_sample_twice() -> None:
    head_parameters = head()
    z, y = labelled(head_parameters, 4, noise=0.3)
    full_z, full_y, weight = padded(z, y, filler=0.0)
    weight[0, 1] = 2
    twice = padded(torch.cat([z, z[1:2]]), torch.cat([y, y[1:2]]), filler=0.0)
    torch.testing.assert_close(
        adapted(head_parameters, full_z, full_y, weight, 1.0),
        adapted(head_parameters, *twice, 1.0),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_real_runtime_says_the_same_in_one_delegate_call() -> None:
    from executorch.runtime import Runtime

    program = RidgeProgram(HeadSize(FEATURES, EXPERTS), LABELS).eval()
    lowered = lower({"ridge": (program, program.example_inputs())})
    head_parameters = head()
    inputs = (head_parameters[None], *padded(*labelled(head_parameters, 9, noise=0.3), filler=0.5), torch.tensor([1.0]))
    loaded = Runtime.get().load_program(lowered.buffer)
    (found,) = loaded.load_method("ridge").execute(inputs)
    torch.testing.assert_close(found, program(*inputs), rtol=1e-4, atol=1e-5)
    assert lowered.outside_delegate["ridge"] == []
    assert lowered.delegate_calls["ridge"] == 1
