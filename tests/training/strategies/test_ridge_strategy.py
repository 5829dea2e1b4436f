"""Experts in closed form, against normal equations in primal form, refitted with each label left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pen_mobile.errors import BadInput
from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.strategies import adapt_with, dual

# lambda / mean diag(K), from "nothing is learnt" to 1e-4, in half decades
LAMBDAS = [np.inf] + [10 ** (3 - k / 2) for k in range(15)]


def design(gate, z, intercept):
    """One row a sample: c_i [z, 1] for every expert, and a column of ones outside the penalty."""
    with_one = np.column_stack([z.double().numpy(), np.ones(len(z))])
    columns = [gate[:, i : i + 1] * with_one for i in range(gate.shape[1])]
    return np.column_stack([*columns, *([np.ones(len(z))] if intercept else [])])


def fit(rows, residual, strength, intercept):
    """Normal equations; an infinite strength silences all penalised weights."""
    weights = np.zeros((rows.shape[1], 2))
    if np.isinf(strength):
        if intercept:
            weights[-1] = residual.mean(axis=0)
        return weights
    penalty = np.eye(rows.shape[1])
    if intercept:
        penalty[-1, -1] = 0
    return np.linalg.solve(rows.T @ rows + strength * penalty, rows.T @ residual)


def left_out_error(rows, residual, strength, intercept):
    total = 0.0
    for j in range(len(rows)):
        others = np.arange(len(rows)) != j
        weights = fit(rows[others], residual[others], strength, intercept)
        total += ((residual[j] - rows[j] @ weights) ** 2).sum()
    return total


def mean_diagonal(rows, intercept):
    penalised = rows[:, :-1] if intercept else rows
    return (penalised**2).sum(axis=1).mean()


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("expert_count", [1, 3])
@pytest.mark.parametrize(("labels", "noise"), [(2, 0.1), (3, 0.1), (8, 0.1), (8, 1.0), (40, 0.1), (40, 1.0)])
def test_head_is_the_one_that_refitting_finds(intercept, expert_count, labels, noise, make_case, loop_mixture) -> None:
    head_parameters, z, affect = make_case(expert_count, labels, noise)
    gate, estimate = loop_mixture(head_parameters, z)
    rows, residual = design(gate, z, intercept), affect.double().numpy() - estimate
    strengths = [k * mean_diagonal(rows, intercept) for k in LAMBDAS]
    errors = [left_out_error(rows, residual, strength, intercept) for strength in strengths]
    expected = head_parameters.double().numpy().copy()
    if min(errors) < (residual**2).sum():
        weights = fit(rows, residual, strengths[int(np.argmin(errors))], intercept)
        shift = weights[-1] if intercept else np.zeros(2)
        for i in range(expert_count):
            for dimension in range(2):
                row = expert_count + 2 * i + dimension
                expected[row] += weights[i * 6 : i * 6 + 6, dimension]
                expected[row, -1] += shift[dimension]
    adapted = adapt_with("offset-ridge" if intercept else "ridge", head_parameters, z, affect)
    np.testing.assert_allclose(adapted.numpy(), expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("intercept", [False, True])
def test_left_out_residuals_are_exact_for_every_strength(intercept, make_case, loop_mixture) -> None:
    """Closed form against 16 x 7 refits, and so for a kernel of rank 6 with 7 samples, two of them copies."""
    head_parameters, z, affect = make_case(1, 7)
    z[3] = z[2]
    gate, estimate = loop_mixture(head_parameters, z)
    rows, residual = design(gate, z, intercept), affect.double().numpy() - estimate
    penalised = torch.from_numpy(rows[:, :-1] if intercept else rows)
    found = dual.left_out_residuals(penalised @ penalised.T, torch.from_numpy(residual), intercept=intercept)
    for strength, each in zip(LAMBDAS, found.numpy(), strict=True):
        total = left_out_error(rows, residual, strength * mean_diagonal(rows, intercept), intercept)
        assert (each**2).sum() == pytest.approx(total, rel=1e-7)


def test_an_intercept_is_a_kernel_with_a_huge_constant(make_case) -> None:
    """Adding 1e8 to every entry of K lets the constant function through almost without penalty."""
    _, z, affect = make_case(1, 9)
    kernel, residual = (z @ z.T).double(), affect.double()
    bordered = dual.left_out_residuals(kernel, residual, intercept=True)
    t = torch.tensor(dual.inverse_regularization_grid(kernel), dtype=torch.float64)
    for inverse_regularization, expected in zip(t[1:], bordered[1:], strict=True):
        inverse = torch.linalg.inv(torch.eye(9) + inverse_regularization * (kernel + 1e8))
        torch.testing.assert_close((inverse @ residual) / inverse.diagonal()[:, None], expected, rtol=1e-3, atol=1e-4)


def test_noise_is_not_learnt(make_case) -> None:
    """Labels that have nothing to do with z, around what the head says: hardly anything is learnt."""
    head_parameters, z, _ = make_case(3, 12)
    for seed in range(3):
        noise = torch.randn(12, 2, generator=torch.Generator().manual_seed(seed))
        adapted = adapt_with("ridge", head_parameters * 0, z, noise - noise.mean(dim=0))
        assert adapted.abs().max() < 0.1


def test_strength_is_chosen_on_a_thousand_and_solved_with_all(monkeypatch, make_case) -> None:
    """Stand-in limit of 10 of 40 labels: the seed decides which, and all 40 shape the result."""
    monkeypatch.setattr(dual, "_CHOOSE_ON", 10)
    head_parameters, z, affect = make_case(3, 40)
    results = [adapt_with("ridge", head_parameters, z, affect, AdaptationSettings(seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(results[0], results[1])
    few = dual.chosen_labels(40, 0)
    assert (len(few), len(set(few.tolist()))) == (10, 10)
    assert few.tolist() != dual.chosen_labels(40, 1).tolist()
    left = next(j for j in range(40) if j not in few.tolist())
    affect[left] += 0.5
    assert not torch.equal(adapt_with("ridge", head_parameters, z, affect), results[0])


@pytest.mark.parametrize("name", ["ridge", "offset-ridge", "personal-expert"])
def test_too_many_labels_are_refused(name, monkeypatch, make_case) -> None:
    monkeypatch.setattr(dual, "MOST_LABELS", 10)
    with pytest.raises(BadInput, match="at most 10 labels, not 11"):
        adapt_with(name, *make_case(3, 11))
