"""Target adaptation on the server: Eq. 8 and nothing else."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from pen_mobile.learning.adaptation import adapt_to_target
from pen_mobile.learning.config import LearningConfig
from pen_mobile.network.heads import ExpertHead

LAMBDA_1 = 0.05


def source_head() -> ExpertHead:
    head = ExpertHead(4, 3)
    head.start_at_random(torch.Generator().manual_seed(0))
    return head


def target_samples(count: int = 40) -> tuple[Tensor, Tensor]:
    """Somebody whose valence is a line through z that no expert knows, and whose arousal is another."""
    z = torch.randn(count, 4, generator=torch.Generator().manual_seed(1))
    return z, torch.tanh(z @ torch.tensor([[0.6, 0.0], [-0.5, 0.2], [0.0, 0.7], [0.3, 0.0]]))


def eq_8(packed: Tensor, z: Tensor, y: Tensor) -> Tensor:
    """Mean of ``(y - y~)(y - y~)^T`` plus lambda_1 times the mean of ``|h|_1``, for 3 experts."""
    with_one = torch.cat([z, torch.ones(len(z), 1)], dim=1)
    h = with_one @ packed[:3].T
    c = h.exp() / h.exp().sum(dim=1, keepdim=True)
    estimate = sum(c[:, i, None] * (with_one @ packed[3 + 2 * i : 5 + 2 * i].T) for i in range(3))
    return ((y - estimate) ** 2).sum() / len(z) + LAMBDA_1 * h.abs().sum() / len(z)


def test_one_step_is_the_gradient_of_equation_8() -> None:
    """Plain descent: packed - lr d(Eq. 8)/d(packed); momentum is still zero at the first step."""
    z, y = target_samples()
    head = source_head()
    start = head.packed.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(eq_8(start, z, y), start)
    config = LearningConfig(optimizer="sgd", learning_rate=0.02, batch_size=40, max_steps=1, lambda_1=LAMBDA_1)
    log = adapt_to_target(head, z, y, config)
    assert (log.steps, log.best_epoch) == (1, 1)
    torch.testing.assert_close(head.packed.detach(), start.detach() - 0.02 * gradient, rtol=1e-5, atol=1e-7)


def test_loss_falls_and_gate_and_experts_move_without_names() -> None:
    z, y = target_samples()
    head = source_head()
    before = head.packed.detach().clone()
    config = LearningConfig(optimizer="adam", learning_rate=0.03, joint_epochs=40, lambda_1=LAMBDA_1)
    log = adapt_to_target(head, z, y, config)
    now = eq_8(head.packed.detach(), z, y).item()
    assert now == pytest.approx(log.best_loss, rel=1e-5)
    assert now < 0.5 * eq_8(before, z, y).item()
    assert ((head.gate_rows.detach() - before[:3]).abs().amax(dim=1) > 0.01).all()
    assert ((head.expert_rows.detach() - before[3:].view(3, 2, 5)).abs().amax(dim=(1, 2)) > 0.01).all()
    assert not {"subject", "subjects", "people"} & set(inspect.signature(adapt_to_target).parameters)


def test_all_joint_epochs_are_used() -> None:
    """No early stopping here: 40 samples in batches of 16 are 3 steps, 7 epochs are 21."""
    z, y = target_samples()
    config = LearningConfig(optimizer="sgd", learning_rate=5.0, joint_epochs=7, patience=1, batch_size=16)
    assert adapt_to_target(source_head(), z, y, config).steps == 21


def test_adaptation_that_does_not_help_changes_nothing() -> None:
    z, y = target_samples()
    head = source_head()
    before = head.packed.detach().clone()
    log = adapt_to_target(head, z, y, LearningConfig(optimizer="sgd", learning_rate=50.0, joint_epochs=3))
    assert log.best_epoch == 0
    assert torch.equal(head.packed, before)


def test_sparsity_makes_activations_smaller() -> None:
    z, y = target_samples()
    sizes = []
    for lambda_1 in (0.0, 1.0):
        head = source_head()
        config = LearningConfig(optimizer="adam", learning_rate=0.03, joint_epochs=30, lambda_1=lambda_1)
        adapt_to_target(head, z, y, config)
        sizes.append(head(z).logits.abs().sum(dim=1).mean().item())
    assert sizes[1] < 0.3 * sizes[0]
