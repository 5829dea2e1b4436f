"""What every strategy promises."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.models.heads import ExpertHead
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched
from pen_mobile.training.strategies import STRATEGIES, adapt_with

QUICK = AdaptationSettings("adam", 0.01, epochs=2)


def says(head_parameters: Tensor, z: Tensor) -> Tensor:
    head = ExpertHead(z.shape[1], len(head_parameters) // 3)
    head.head_parameters.data.copy_(head_parameters)
    return head(z).affect.detach()


def error(head_parameters: Tensor, z: Tensor, affect: Tensor) -> float:
    return (says(head_parameters, z) - affect).square().sum().item()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("expert_count", [1, 3])
@pytest.mark.parametrize("labels", [1, 2, 3, 30])
@pytest.mark.parametrize("kind", ["ordinary", "constant", "copies"])
def test_any_head_and_any_number_of_labels(name, expert_count, labels, kind, make_case) -> None:
    head_parameters, z, affect = make_case(expert_count, labels)
    if kind == "constant":
        affect = torch.full_like(affect, 0.25)
    if kind == "copies":
        z, affect = z[:1].repeat(labels, 1), affect[:1].repeat(labels, 1)
    before = head_parameters.clone()
    adapted = adapt_with(name, head_parameters, z, affect, QUICK)
    assert torch.equal(head_parameters, before)
    assert adapted.dtype == head_parameters.dtype
    assert len(adapted) in (
        {len(head_parameters), len(head_parameters) + 3} if name == "personal-expert" else {len(head_parameters)}
    )
    assert adapted.isfinite().all()
    assert error(adapted, z, affect) <= error(head_parameters, z, affect) * (1 + 1e-5)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ("gradient", "gate")])
@pytest.mark.parametrize("expert_count", [1, 3])
def test_one_label_vouches_for_nothing(name, expert_count, make_case) -> None:
    """With the only label left out there is nothing to judge by, so closed forms keep the head as it was."""
    head_parameters, z, affect = make_case(expert_count, 1)
    assert torch.equal(adapt_with(name, head_parameters, z, affect), head_parameters)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("expert_count", [1, 3])
def test_labels_that_the_head_foretells_change_nothing_it_says(name, expert_count, make_case) -> None:
    head_parameters, z, _ = make_case(expert_count, 20)
    adapted = adapt_with(name, head_parameters, z, says(head_parameters, z), AdaptationSettings(lambda_1=0.0))
    torch.testing.assert_close(says(adapted, z), says(head_parameters, z), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["ridge", "offset-ridge", "personal-expert"])
@pytest.mark.parametrize("expert_count", [1, 3])
def test_a_line_of_the_person_own_is_learnt(name, expert_count, make_case) -> None:
    """60 labels of a person who differs by a line in 5 features: unseen labels come far closer."""
    head_parameters, z, affect = make_case(expert_count, 120, 0.02)
    adapted = adapt_with(name, head_parameters, z[:60], affect[:60])
    assert error(adapted, z[60:], affect[60:]) < 0.1 * error(head_parameters, z[60:], affect[60:])


@pytest.mark.parametrize("name", STRATEGIES)
def test_more_labels_than_weights(name) -> None:
    """D_z = 16, N = 500, n_s = 2: K has rank 34 at most."""
    generator = torch.Generator().manual_seed(0)
    head_parameters, z = torch.randn(6, 17, generator=generator) * 0.3, torch.randn(500, 16, generator=generator)
    affect = torch.tanh(z[:, :2])
    adapted = adapt_with(name, head_parameters, z, affect, QUICK)
    assert adapted.isfinite().all()
    assert error(adapted, z, affect) < error(head_parameters, z, affect)


@pytest.mark.parametrize("name", STRATEGIES)
@given(scale=st.sampled_from([1e-20, 1e-3, 1.0, 1e3, 1e12, 1e30]), labels=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_nothing_comes_out_that_is_not_finite(name, scale, labels, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    head_parameters, z = torch.randn(6, 4, generator=generator), torch.randn(labels, 3, generator=generator) * scale
    affect = torch.rand(labels, 2, generator=generator) * 2 - 1
    assert adapt_with(name, head_parameters, z, affect, QUICK).isfinite().all()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("broken", ["z", "affect"])
def test_numbers_that_are_not_finite_leave_the_head_alone(name, broken, make_case) -> None:
    head_parameters, z, affect = make_case(3, 4)
    (z if broken == "z" else affect)[2, 1] = torch.nan
    assert torch.equal(adapt_with(name, head_parameters, z, affect, QUICK), head_parameters)


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_labels_leave_the_head_alone(name, make_case) -> None:
    head_parameters, z, affect = make_case(3, 4)
    assert torch.equal(adapt_with(name, head_parameters, z[:0], affect[:0]), head_parameters)


def test_gradient_is_batched_adaptation_of_one_head(make_case) -> None:
    head_parameters, z, affect = make_case(3, 40)
    expected = adapt_batched(head_parameters[None], z, affect, [torch.arange(40)], QUICK)[0]
    assert torch.equal(adapt_with("gradient", head_parameters, z, affect, QUICK), expected)
    assert not torch.equal(expected, head_parameters)


def test_gate_moves_the_gate_alone_and_sn_has_none(make_case) -> None:
    head_parameters, z, affect = make_case(3, 40)
    adapted = adapt_with("gate", head_parameters, z, affect, QUICK)
    assert torch.equal(adapted[3:], head_parameters[3:])
    assert not torch.equal(adapted[:3], head_parameters[:3])
    shared, z, affect = make_case(1, 40)
    assert torch.equal(adapt_with("gate", shared, z, affect, QUICK), shared)


@pytest.mark.parametrize(
    ("name", "rows", "width", "columns", "message"),
    [
        ("magic", 9, 5, 2, "unknown strategy 'magic'; there are"),
        ("ridge", 8, 5, 2, "does not fit"),
        ("ridge", 9, 4, 2, "does not fit"),
        ("ridge", 9, 5, 1, "does not fit"),
    ],
)
def test_what_does_not_fit_together_is_refused(name, rows, width, columns, message) -> None:
    with pytest.raises(BadInput, match=message):
        adapt_with(name, torch.zeros(rows, 6), torch.zeros(3, width), torch.zeros(3, columns))
