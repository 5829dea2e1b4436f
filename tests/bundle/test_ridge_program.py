"""Closed-form adaptation by products alone, against the solver in float64; then the same in the real runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pen_mobile.bundle.lowering import lower
from pen_mobile.bundle.ridge_program import LOOSENESS, RidgeProgram
from pen_mobile.learning.strategies import adapt_with, dual

FEATURES, EXPERTS, LABELS = 12, 3, 16


@pytest.fixture
def same_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's strategy with the program's candidates."""
    monkeypatch.setattr(dual, "LOOSENESS", LOOSENESS)


def head(seed: int = 0) -> Tensor:
    return 0.3 * torch.randn(3 * EXPERTS, FEATURES + 1, generator=torch.Generator().manual_seed(seed))


def labelled(packed: Tensor, count: int, noise: float, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Samples of somebody whose experts and offset differ from the head's, with noise."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, FEATURES, generator=generator)
    own = packed + 0.1 * torch.randn(packed.shape, generator=generator)
    program = RidgeProgram(FEATURES, EXPERTS, count)
    _, _, _, _, affect = program.evaluate(own[None], program.with_bias(z[None]))
    return z, affect[0] + 0.3 + noise * torch.randn(count, 2, generator=generator)


def padded(z: Tensor, y: Tensor, filler: float) -> tuple[Tensor, Tensor, Tensor]:
    full_z, full_y, weight = (
        torch.full((LABELS, FEATURES), filler),
        torch.full((LABELS, 2), filler),
        torch.zeros(LABELS),
    )
    full_z[: len(z)], full_y[: len(y)], weight[: len(z)] = z, y, 1
    return full_z[None], full_y[None], weight[None]


@pytest.mark.parametrize("count", [2, 3, 7, LABELS])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_it_is_offset_and_ridge(same_grid: None, count: int, noise: float) -> None:
    packed = head()
    z, y = labelled(packed, count, noise)
    found, errors = RidgeProgram(FEATURES, EXPERTS, LABELS)(packed[None], *padded(z, y, filler=0.7))
    expected = adapt_with("offset-ridge", packed, z, y)
    torch.testing.assert_close(found[0], expected, rtol=1e-3, atol=1e-3)
    assert errors.shape == (1 + len(LOOSENESS),)


def test_errors_are_those_of_labels_left_out(same_grid: None) -> None:
    """Refit without each label in turn, in float64, for every t; the first error is that of the head as it is."""
    packed = head()
    z, y = labelled(packed, 6, 0.2)
    _, errors = RidgeProgram(FEATURES, EXPERTS, LABELS)(packed[None], *padded(z, y, filler=0.0))
    from pen_mobile.learning.strategies.mixture import evaluate, with_one
    from pen_mobile.learning.strategies.ridge import mixture_kernel

    output = evaluate(packed, z)
    residual, kernel = y.double() - output.affect, mixture_kernel(output.gate, with_one(z))
    expected = [residual.square().sum() / 6]
    for t in dual.looseness_grid(kernel):
        total = 0.0
        for out in range(6):
            kept = [row for row in range(6) if row != out]
            alpha, offset = dual.solve(kernel[kept][:, kept], residual[kept], t, intercept=True)
            total += float((residual[out] - kernel[out, kept] @ alpha - offset).square().sum())
        expected.append(torch.tensor(total / 6))
    np.testing.assert_allclose(errors.numpy(), torch.stack([one.double() for one in expected]).numpy(), rtol=2e-3)


def test_labels_that_teach_nothing_change_nothing() -> None:
    """Labels that the head gives already, with a little noise: leaving them out favours the head as it is."""
    packed = head()
    z = torch.randn(LABELS, FEATURES, generator=torch.Generator().manual_seed(5))
    program = RidgeProgram(FEATURES, EXPERTS, LABELS)
    _, _, _, _, affect = program.evaluate(packed[None], program.with_bias(z[None]))
    flip = torch.tensor([1.0, -1.0]).repeat(LABELS // 2)[:, None]  # mean zero: no offset either
    found, errors = program(packed[None], z[None], affect + 0.01 * flip, torch.ones(1, LABELS))
    assert errors[0] < errors[1:].min()  # without a label, the mean of the others is further from it than 0 is
    assert torch.equal(found[0], packed)


def test_what_lies_under_weight_0_does_not_matter() -> None:
    packed = head()
    z, y = labelled(packed, 5, 0.3)
    program = RidgeProgram(FEATURES, EXPERTS, LABELS)
    one, two = (program(packed[None], *padded(z, y, filler))[0] for filler in (0.0, 3.0))
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_the_real_runtime_says_the_same() -> None:
    from executorch.runtime import Runtime

    program = RidgeProgram(FEATURES, EXPERTS, LABELS).eval()
    lowered = lower({"ridge": (program, program.example_inputs())})
    packed = head()
    inputs = (packed[None], *padded(*labelled(packed, 9, 0.3), filler=0.5))
    loaded = Runtime.get().load_program(lowered.buffer)
    found, errors = loaded.load_method("ridge").execute(inputs)
    expected, expected_errors = program(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(errors, expected_errors, rtol=1e-4, atol=1e-6)
    assert lowered.undelegated["ridge"] == ["amin.out"]  # the least of eight errors, between two delegate calls
    assert lowered.delegate_calls["ridge"] == 2
