"""The expert head: the paper's sizes, Eqs. 1-3 written out, and packing without loss."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pen_mobile.models.heads import ExpertHead, SharedHead

SIZES = {"feature_size": st.integers(1, 12), "expert_count": st.integers(1, 6), "seed": st.integers(0, 1000)}
quick = settings(deadline=None, max_examples=40)


def random_head(feature_size: int = 5, expert_count: int = 3, seed: int = 0) -> ExpertHead:
    head = ExpertHead(feature_size, expert_count)
    head.reset_parameters(torch.Generator().manual_seed(seed))
    return head


def random_features(count: int = 7, feature_size: int = 5, seed: int = 1) -> Tensor:
    return torch.randn(count, feature_size, generator=torch.Generator().manual_seed(seed))


def test_size_of_the_papers_head() -> None:
    """Section 3.5 gives 18,441 parameters for the gate and 4,098 for an expert; n_s = 9 and D_z = 2048.

    Gate: 9 (2048 + 1) = 18,441. One expert: 2 (2048 + 1) = 4,098. Nine of them: 36,882.
    Together 18,441 + 36,882 = 55,323 = 27 x 2049.
    """
    head = ExpertHead(feature_size=2048, expert_count=9)
    assert sum(parameter.numel() for parameter in head.parameters()) == 55_323
    gate, experts = head.to_layers()
    assert sum(parameter.numel() for parameter in gate.parameters()) == 18_441
    assert [sum(parameter.numel() for parameter in expert.parameters()) for expert in experts] == [4_098] * 9
    assert sum(parameter.numel() for parameter in SharedHead(2048).parameters()) == 4_098


def loop_over_equations(gate: nn.Linear, experts: list[nn.Linear], z: list[float]) -> dict[str, list]:
    """Eqs. 1 to 3 for one sample, in Python numbers.

    h_i = W^c_i z + b^c_i; c_i = exp(h_i) / sum_k exp(h_k); y^e_i = W^e_i z + b^e_i; y = sum_i c_i y^e_i.
    """

    def fcl(layer: nn.Linear) -> list[float]:
        weight, bias = layer.weight.tolist(), layer.bias.tolist()
        return [sum(w * x for w, x in zip(row, z, strict=True)) + b for row, b in zip(weight, bias, strict=True)]

    h = fcl(gate)
    total = sum(math.exp(value) for value in h)
    c = [math.exp(value) / total for value in h]
    said = [fcl(expert) for expert in experts]
    affect = [0.0, 0.0]
    for weight, y in zip(c, said, strict=True):
        for dimension in (0, 1):
            affect[dimension] += weight * y[dimension]
    return {"affect": affect, "gate": c, "logits": h, "experts": said}


def test_output_is_equations_1_to_3() -> None:
    torch.manual_seed(0)
    gate, experts = nn.Linear(5, 3), [nn.Linear(5, 2) for _ in range(3)]
    z = random_features() * 4
    output = ExpertHead.from_layers(gate, experts)(z)
    for sample, features in enumerate(z.tolist()):
        for name, expected in loop_over_equations(gate, experts, features).items():
            torch.testing.assert_close(getattr(output, name)[sample], torch.tensor(expected), rtol=1e-5, atol=1e-6)


def test_output_of_a_head_small_enough_for_a_pencil() -> None:
    """D_z = 1, n_s = 2, z = 1. Gate: h = (0, ln 3), so c = (1/4, 3/4).

    Experts say (0.4, 0) and (0, 0.8): y = (1/4 x 0.4 + 0, 0 + 3/4 x 0.8) = (0.1, 0.6).
    """
    head = ExpertHead(1, 2)
    with torch.no_grad():
        head.head_parameters.copy_(torch.tensor([[0, 0], [math.log(3), 0], [0.4, 0], [0, 0], [0, 0], [0.3, 0.5]]))
    output = head(torch.ones(1, 1))
    torch.testing.assert_close(output.gate, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(output.experts, torch.tensor([[[0.4, 0.0], [0.0, 0.8]]]))
    torch.testing.assert_close(output.affect, torch.tensor([[0.1, 0.6]]))


def test_large_activations_do_not_overflow() -> None:
    head = ExpertHead(1, 2)
    with torch.no_grad():
        head.head_parameters.copy_(torch.tensor([[1e4, 0], [-1e4, 0], [0, 0.5], [0, -0.5], [0, 1], [0, 1]]))
    torch.testing.assert_close(head(torch.ones(1, 1)).affect, torch.tensor([[0.5, -0.5]]))


@quick
@given(**SIZES)
def test_layers_survive_packing_bit_for_bit(feature_size: int, expert_count: int, seed: int) -> None:
    torch.manual_seed(seed)
    gate = nn.Linear(feature_size, expert_count)
    experts = [nn.Linear(feature_size, 2) for _ in range(expert_count)]
    gate_again, experts_again = ExpertHead.from_layers(gate, experts).to_layers()
    assert len(experts_again) == expert_count
    for before, after in zip([gate, *experts], [gate_again, *experts_again], strict=True):
        assert torch.equal(before.weight, after.weight)
        assert torch.equal(before.bias, after.bias)


@quick
@given(**SIZES)
def test_heads_survive_unpacking_bit_for_bit(feature_size: int, expert_count: int, seed: int) -> None:
    head = random_head(feature_size, expert_count, seed)
    assert torch.equal(ExpertHead.from_layers(*head.to_layers()).head_parameters, head.head_parameters)


def test_unpacked_layers_are_copies() -> None:
    head = random_head()
    before = head.head_parameters.clone()
    gate, experts = head.to_layers()
    with torch.no_grad():
        gate.weight.zero_()
        experts[0].bias.zero_()
    assert torch.equal(head.head_parameters, before)


def test_named_views_share_memory_with_the_matrix() -> None:
    """Rows of n_s = 3 experts: 0 .. 2 gate, 3 and 4 expert 1, 5 and 6 expert 2 (valence, arousal), 7 and 8 expert 3."""
    head = random_head(feature_size=5, expert_count=3)
    assert (head.gate_rows.shape, head.expert_rows.shape) == ((3, 6), (3, 2, 6))
    with torch.no_grad():
        head.gate_rows[2, 4] = 20.0
        head.expert_rows[1, 1, 5] = 60.0
    assert head.head_parameters[2, 4] == 20.0
    assert head.head_parameters[6, 5] == 60.0
    assert head.gate_rows.untyped_storage().data_ptr() == head.head_parameters.untyped_storage().data_ptr()
    assert head.expert_rows.untyped_storage().data_ptr() == head.head_parameters.untyped_storage().data_ptr()


def test_training_a_view_trains_the_matrix() -> None:
    """The gradient of the experts' sum is 1 in their rows and 0 in the gate's."""
    head = random_head()
    head.expert_rows.sum().backward()
    assert head.head_parameters.grad is not None
    assert head.head_parameters.grad[:3].eq(0).all()
    assert head.head_parameters.grad[3:].eq(1).all()


@quick
@given(**SIZES)
def test_started_from_shared_it_is_the_shared_head_whatever_the_gate(
    feature_size: int, expert_count: int, seed: int
) -> None:
    """W^e_i <- W^s: with equal experts, y = sum_i c_i y^s = y^s, because the weights sum to 1."""
    torch.manual_seed(seed)
    shared = SharedHead(feature_size)
    head = random_head(feature_size, expert_count, seed)
    gate_before = head.gate_rows.clone()
    head.start_from_shared(shared)
    assert torch.equal(head.gate_rows, gate_before)
    for expert in head.to_layers()[1]:
        assert torch.equal(expert.weight, shared.weight)
        assert torch.equal(expert.bias, shared.bias)
    z = random_features(4, feature_size, seed) * 3
    torch.testing.assert_close(head(z).affect, shared(z), rtol=1e-5, atol=1e-6)


def test_a_new_head_is_silent_and_undecided() -> None:
    output = ExpertHead(4, 5)(random_features(3, 4))
    assert torch.equal(output.affect, torch.zeros(3, 2))
    torch.testing.assert_close(output.gate, torch.full((3, 5), 0.2))


def assert_glorot(weight: Tensor, fan_in: int, fan_out: int) -> None:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)) has s.d. a / sqrt(3)."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert 0.99 * limit <= weight.abs().max().item() <= limit
    assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    assert weight.mean().item() == pytest.approx(0, abs=0.05 * limit)


def test_random_start_is_that_of_keras_dense_layers() -> None:
    """For D_z = 400 and n_s = 4: the gate's limit is sqrt(6 / 404) = 0.1219, an expert's sqrt(6 / 402) = 0.1222."""
    gate, experts = random_head(feature_size=400, expert_count=4).to_layers()
    assert_glorot(gate.weight, 400, 4)
    assert_glorot(torch.cat([expert.weight for expert in experts]), 400, 2)
    assert all(layer.bias.eq(0).all() for layer in (gate, *experts))


def test_a_new_shared_head_starts_as_keras_dense_layer() -> None:
    torch.manual_seed(0)
    shared = SharedHead(2000)
    assert_glorot(shared.weight, 2000, 2)
    assert shared.bias.eq(0).all()


def test_random_start_is_decided_by_its_generator() -> None:
    assert torch.equal(random_head(seed=3).head_parameters, random_head(seed=3).head_parameters)
    assert not torch.equal(random_head(seed=3).head_parameters, random_head(seed=4).head_parameters)
