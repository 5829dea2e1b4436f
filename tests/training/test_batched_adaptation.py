"""Many heads side by side: each must be what one loop of autograd and torch.optim makes of it alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.losses import adaptation_loss
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName, make_optimizer
from pen_mobile.training import batched_adaptation, head_batch
from pen_mobile.training.batched_adaptation import AdaptationSettings, adapt_batched
from pen_mobile.training.batches import EpochBatches
from pen_mobile.training.head_batch import HeadSamples

N, D, LAMBDA_1 = 40, 4, 0.05


def target_samples(count: int = N) -> tuple[Tensor, Tensor]:
    """Somebody whose valence is a line through z that no expert knows, and whose arousal is another."""
    z = torch.randn(count, D, generator=torch.Generator().manual_seed(1))
    return z, torch.tanh(z @ torch.tensor([[0.6, 0.0], [-0.5, 0.2], [0.0, 0.7], [0.3, 0.0]]))


def random_heads(number: int, expert_count: int = 3) -> Tensor:
    return (torch.rand(number, 3 * expert_count, D + 1, generator=torch.Generator().manual_seed(0)) - 0.5) * 0.8


def eq_8(head_parameters: Tensor, z: Tensor, y: Tensor, lambda_1: float = LAMBDA_1) -> float:
    """Mean of ``(y - y~)(y - y~)^T`` plus lambda_1 times the mean of ``|h|_1``, one number at a time."""
    count = len(head_parameters) // 3
    total = 0.0
    for sample, label in zip(z.double().numpy(), y.double().numpy(), strict=True):
        products = head_parameters.double().numpy() @ np.append(sample, 1.0)
        h = products[:count]
        c = np.exp(h) / np.exp(h).sum()
        for dimension in range(2):
            estimate = sum(c[i] * products[count + 2 * i + dimension] for i in range(count))
            total += (label[dimension] - estimate) ** 2
        total += lambda_1 * sum(abs(h[i]) for i in range(count))
    return total / len(z)


def alone(start: Tensor, z: Tensor, y: Tensor, how: AdaptationSettings, only: slice | None = None) -> Tensor:
    """Autograd, torch.optim, one head, one batch after the other; the best look is returned."""
    head = ExpertHead(z.shape[1], len(start) // 3)
    head.head_parameters.data.copy_(start)
    optimizer = make_optimizer(how.optimizer, head.parameters(), how.learning_rate)
    looks = [start.clone()]
    for last, batch in batches_of(len(z), how):
        optimizer.zero_grad()
        adaptation_loss(head(z[batch]), y[batch], how.lambda_1).backward()
        if only is not None:
            kept = head.head_parameters.grad[only].clone()
            head.head_parameters.grad.zero_()
            head.head_parameters.grad[only] = kept
        optimizer.step()
        if last:
            looks.append(head.head_parameters.detach().clone())
    losses = [eq_8(look, z, y, how.lambda_1) for look in looks]
    return looks[losses.index(min(losses))]


def batches_of(count: int, how: AdaptationSettings) -> Iterator[tuple[bool, list[int]]]:
    """Yield batches, and whether one looks at the loss after it."""
    taken, batches = 0, EpochBatches(count, how.batch_size, how.seed, shuffle=True)
    for batches.epoch in range(1, how.epochs + 1 if how.steps is None else 10_000):
        for number, batch in enumerate(batches, 1):
            taken += 1
            yield number == len(batches) or taken == how.steps, batch
            if taken == how.steps:
                return


def together(heads: Tensor, rows: list[Tensor], how: AdaptationSettings, **more: Any) -> Tensor:
    return adapt_batched(heads, *target_samples(), rows, how, **more)


def assert_each_as_if_alone(heads: Tensor, rows: list[Tensor], how: AdaptationSettings, **more: Any) -> None:
    z, y = target_samples()
    adapted = together(heads, rows, how, **more)
    for head, chosen, result in zip(heads, rows, adapted, strict=True):
        torch.testing.assert_close(result, alone(head, z[chosen], y[chosen], how, **more), rtol=1e-5, atol=1e-5)


MIXED_ROWS = [torch.arange(N), torch.arange(20, 37), torch.arange(N), torch.arange(0, N, 2), torch.tensor([7, 3, 3])]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("expert_count", [1, 3])
def test_each_head_ends_as_one_loop_of_autograd_would_end_it(optimizer: OptimizerName, expert_count: int) -> None:
    """Batches of 8: 40 rows are 5 steps an epoch (twice the same rows), 17 and 20 are 3 with short ends, 3 are 1."""
    how = AdaptationSettings(optimizer, lambda_1=LAMBDA_1, batch_size=8, epochs=4, seed=3)
    assert_each_as_if_alone(random_heads(5, expert_count), MIXED_ROWS, how)


@given(
    sizes=st.lists(st.integers(1, N), min_size=1, max_size=4),
    batch_size=st.integers(1, 12),
    steps=st.integers(1, 15),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_mixture_of_sizes_with_a_limit_of_steps(sizes: list[int], batch_size: int, steps: int, seed: int) -> None:
    how = AdaptationSettings("sgd", 0.02, LAMBDA_1, batch_size, steps=steps, seed=seed)
    assert_each_as_if_alone(random_heads(len(sizes)), [torch.arange(size) for size in sizes], how)


def test_small_teams_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    how = AdaptationSettings("adam", batch_size=8, epochs=3)
    rows = [torch.arange(first, first + 10) for first in (0, 10, 20, 30)]
    at_once = together(random_heads(4), rows, how)
    monkeypatch.setattr(batched_adaptation, "_TOGETHER", 1)
    monkeypatch.setattr(head_batch, "_ROWS_AT_ONCE", 3)
    torch.testing.assert_close(together(random_heads(4), rows, how), at_once, rtol=1e-5, atol=1e-6)


def test_a_look_is_equation_8_over_all_of_a_heads_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7: 40 rows end with a block of 5, 36 with a block of 1, and no sample counts more than another."""
    monkeypatch.setattr(head_batch, "_ROWS_AT_ONCE", 7)
    z, y = target_samples()
    rows, heads = [torch.arange(N), torch.arange(4, N)], random_heads(2).unsqueeze(1)
    how = AdaptationSettings("adam", 0.03, LAMBDA_1, batch_size=8, epochs=2)
    group = batched_adaptation._Adaptation(heads, HeadSamples(z, y), rows, how)
    with torch.no_grad():
        group.run()
    for best, loss, chosen in zip(group.best[:, 0], group.best_loss[:, 0], rows, strict=True):
        assert loss.item() == pytest.approx(eq_8(best, z[chosen], y[chosen]), rel=1e-5)


def test_one_step_is_the_gradient_of_equation_8() -> None:
    """Plain descent: packed - lr d(Eq. 8)/d(packed), the slope measured by central differences of 1e-4."""
    z, y = target_samples()
    start = random_heads(1)
    adapted = together(start, [torch.arange(N)], AdaptationSettings("sgd", 0.02, LAMBDA_1, batch_size=N, steps=1))
    for row, column in [(0, 0), (1, 3), (2, 4), (3, 1), (6, 2), (8, 4)]:
        nudge = torch.zeros_like(start[0], dtype=torch.float64)
        nudge[row, column] = 1e-4
        slope = (eq_8(start[0] + nudge, z, y) - eq_8(start[0] - nudge, z, y)) / 2e-4
        expected = start[0, row, column].item() - 0.02 * slope
        assert adapted[0, row, column].item() == pytest.approx(expected, abs=1e-6)


def test_loss_falls_and_gate_and_experts_move_without_names() -> None:
    z, y = target_samples()
    start = random_heads(1)
    adapted = together(start, [torch.arange(N)], AdaptationSettings("adam", 0.03, LAMBDA_1, epochs=40))
    assert eq_8(adapted[0], z, y) < 0.5 * eq_8(start[0], z, y)
    assert ((adapted - start).abs().amax(dim=2) > 0.01).all()
    assert not {"subject", "subjects", "people"} & set(inspect.signature(adapt_batched).parameters)


def test_adaptation_that_does_not_help_changes_nothing() -> None:
    start = random_heads(1)
    adapted = together(start, [torch.arange(N)], AdaptationSettings("sgd", 50.0, epochs=3))
    assert torch.equal(adapted, start)


def test_a_head_that_diverges_keeps_its_best_state_and_leaves_its_neighbours_alone() -> None:
    """Weights of 1e25 square to infinity in float32: the loss of that head is never finite."""
    how = AdaptationSettings("sgd", 0.02, batch_size=8, epochs=3)
    heads = random_heads(2)
    heads[0, 3:] = 1e25
    adapted = together(heads, [torch.arange(N)] * 2, how)
    assert torch.equal(adapted[0], heads[0])
    torch.testing.assert_close(adapted[1:], together(heads[1:], [torch.arange(N)], how), rtol=1e-5, atol=1e-6)
    assert not torch.equal(adapted[1], heads[1])


def test_nothing_escapes_when_steps_lead_to_infinity() -> None:
    start = random_heads(1)
    adapted = together(start, [torch.arange(N)], AdaptationSettings("sgd", 1e18, epochs=5))
    assert torch.equal(adapted, start)


def test_sparsity_makes_activations_smaller() -> None:
    z, _ = target_samples()
    sizes = []
    for lambda_1 in (0.0, 1.0):
        adapted = together(random_heads(1), [torch.arange(N)], AdaptationSettings("adam", 0.03, lambda_1))
        sizes.append((z @ adapted[0, :3, :-1].T + adapted[0, :3, -1]).abs().sum(dim=1).mean())
    assert sizes[1] < 0.3 * sizes[0]


def test_only_the_chosen_rows_move() -> None:
    """The gate is rows 0 to 2; three optimizers, none of which may touch the experts."""
    start = random_heads(2)
    for optimizer in OPTIMIZERS:
        how = AdaptationSettings(optimizer, lambda_1=LAMBDA_1, batch_size=8, epochs=2)
        adapted = together(start, [torch.arange(N)] * 2, how, only=slice(0, 3))
        assert torch.equal(adapted[:, 3:], start[:, 3:])
        assert ((adapted - start)[:, :3].abs().amax(dim=2) > 1e-5).all()
    assert_each_as_if_alone(start, [torch.arange(N)] * 2, how, only=slice(0, 3))


def test_a_shared_head_is_a_mixture_of_one() -> None:
    """n_s = 1: the gate is always 1 and has no say, so a silent gate stays silent and the experts are plain SN."""
    z, y = target_samples()
    start = random_heads(1, expert_count=1)
    start[0, 0] = 0
    adapted = together(start, [torch.arange(N)], AdaptationSettings("sgd", 0.02, batch_size=N, steps=1))
    assert torch.equal(adapted[0, 0], torch.zeros(D + 1))
    z_1 = torch.cat([z, torch.ones(N, 1)], dim=1)
    slope = 2 / N * (z_1 @ start[0, 1:].T - y).T @ z_1
    torch.testing.assert_close(adapted[0, 1:], start[0, 1:] - 0.02 * slope, rtol=1e-5, atol=1e-6)


def test_same_seed_same_weights_and_another_order_of_batches_with_another() -> None:
    results = [
        together(random_heads(2), MIXED_ROWS[:2], AdaptationSettings(batch_size=8, epochs=2, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_no_labels_no_change_and_the_start_is_never_written() -> None:
    start = random_heads(2)
    before = start.clone()
    adapted = together(start, [torch.arange(0), torch.arange(N)], AdaptationSettings(epochs=2))
    assert torch.equal(adapted[0], before[0])
    assert not torch.equal(adapted[1], before[1])
    assert torch.equal(start, before)
    assert adapt_batched(start[:0], *target_samples(), [], AdaptationSettings()).shape == (0, 9, D + 1)


def test_features_may_stay_on_disk(tmp_path: Path) -> None:
    z, y = target_samples()
    np.save(tmp_path / "z.npy", z.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "z.npy", mmap_mode="r"))
    how = AdaptationSettings(batch_size=8, epochs=2)
    assert torch.equal(
        adapt_batched(random_heads(1), mapped, y, [torch.arange(N)], how),
        together(random_heads(1), [torch.arange(N)], how),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": random_heads(1)[0]}, "heads"),
        ({"heads": random_heads(1)[:, :8]}, "heads"),
        ({"heads": random_heads(2)}, "1 sets of rows"),
        ({"features": torch.zeros(N, D + 1)}, "features"),
        ({"features": torch.zeros(N, D, dtype=torch.float64)}, "float64"),
        ({"affect": torch.zeros(N, 3)}, "4 n_s"),
        ({"affect": torch.zeros(N - 1, 2)}, "affect"),
        ({"rows": [torch.tensor([N])]}, "row numbers"),
        ({"rows": [torch.tensor([-1])]}, "row numbers"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, Any], message: str) -> None:
    z, y = target_samples()
    given: dict[str, Any] = {"heads": random_heads(1), "features": z, "affect": y, "rows": [torch.arange(N)]}
    with pytest.raises(BadInput, match=message):
        adapt_batched(**{**given, **change}, settings=AdaptationSettings(epochs=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimizer": "magic"},
        {"epochs": 0},
        {"steps": 0},
        {"batch_size": 0},
        {"lambda_1": -1.0},
        {"learning_rate": 0.0},
        {"lambda_1": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        AdaptationSettings(**wrong)
