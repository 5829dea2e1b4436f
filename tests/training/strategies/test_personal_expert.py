"""An expert of one's own, against a search that refits it with each label left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pen_mobile.training.strategies import adapt_with

LAMBDAS = [np.inf] + [10 ** (3 - k / 2) for k in range(15)]
PROMINENCE = [-4, -2, -1, 0, 1, 2, 4, 8, 16]


def fit(z, residual, strength):
    """Primal ridge on [z, 1]; weights ``[D_z + 1, 2]``."""
    if np.isinf(strength):
        return np.zeros((z.shape[1], 2))
    return np.linalg.solve(z.T @ z + strength * np.eye(z.shape[1]), z.T @ residual)


def with_newcomer(head_parameters, weights, beta):
    """Append an expert: the mean of the others plus weights; its gate is the bias beta."""
    count = len(head_parameters) // 3
    experts = head_parameters[count:].reshape(count, 2, -1)
    row = np.zeros((1, head_parameters.shape[1]))
    row[0, -1] = beta
    newcomer = experts.mean(axis=0) + weights.T
    return np.concatenate([head_parameters[:count], row, head_parameters[count:], newcomer])


def search(head_parameters, z, affect, loop_mixture):
    """Try every strength, beta and left-out label with a real head of n_s + 1 experts."""
    source, labels = head_parameters.double().numpy(), affect.double().numpy()
    count, inputs = len(source) // 3, np.column_stack([z.double().numpy(), np.ones(len(z))])
    residual = labels - inputs @ source[count:].reshape(count, 2, -1).mean(axis=0).T
    others = np.log(np.exp(inputs @ source[:count].T).sum(axis=1))
    middle = np.sort(others)[(len(z) - 1) // 2]  # torch's median is the lower one
    scale = (inputs**2).sum(axis=1).mean()
    best, winner = ((labels - loop_mixture(head_parameters, z)[1]) ** 2).sum() * (1 - 1e-9), source
    for prominence in PROMINENCE:
        for strength in LAMBDAS:
            total, beta = 0.0, middle + prominence
            for j in range(len(z)):
                rest = np.arange(len(z)) != j
                weights = fit(inputs[rest], residual[rest], strength * scale)
                head = torch.from_numpy(with_newcomer(source, weights, beta))
                total += ((labels[j] - loop_mixture(head, z[j : j + 1])[1]) ** 2).sum()
            if total < best * (1 - 1e-9):
                best, winner = total, with_newcomer(source, fit(inputs, residual, strength * scale), beta)
    return winner


@pytest.mark.parametrize("expert_count", [1, 3])
@pytest.mark.parametrize(("labels", "noise"), [(2, 0.1), (3, 0.1), (9, 0.1), (9, 1.5)])
def test_head_is_the_one_that_a_search_finds(expert_count, labels, noise, make_case, loop_mixture) -> None:
    head_parameters, z, affect = make_case(expert_count, labels, noise)
    expected = search(head_parameters, z, affect, loop_mixture)
    adapted = adapt_with("personal-expert", head_parameters, z, affect)
    assert adapted.shape == expected.shape
    np.testing.assert_allclose(adapted.numpy(), expected, rtol=1e-4, atol=2e-5)


def test_the_others_keep_their_weights_and_the_newcomer_comes_last(make_case) -> None:
    head_parameters, z, affect = make_case(3, 30)
    adapted = adapt_with("personal-expert", head_parameters, z, affect)
    assert adapted.shape == (12, 6)
    assert torch.equal(adapted[:3], head_parameters[:3])
    assert torch.equal(adapted[3, :-1], torch.zeros(5))
    assert torch.equal(adapted[4:10], head_parameters[3:])


def test_who_is_served_well_gets_no_newcomer(make_case, loop_mixture) -> None:
    head_parameters, z, _ = make_case(3, 12)
    affect = torch.from_numpy(loop_mixture(head_parameters, z)[1]).float()
    assert torch.equal(adapt_with("personal-expert", head_parameters, z, affect), head_parameters)
