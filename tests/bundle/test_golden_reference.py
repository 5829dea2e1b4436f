"""The float model's answers: training that can judge a runtime, whatever head and features there are."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from pen_mobile.bundle.golden_reference import _SEED, _batches, _train, head_answers
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.models.heads import ExpertHead
from tests.small_world import LEARNING_RATES

FEATURES, EXPERTS, EXAMPLES = 64, 9, 16
SETTINGS = {"learning_rate": LEARNING_RATES, "steps_per_call": 1}
RECIPE = load_recipe("android-fp32").for_run(lambda_1=1e-3).head.model_copy(update=SETTINGS)


def _head(apart: float) -> ExpertHead:
    """Experts that differ by about ``apart``; the gate does not tell them from each other yet."""
    rng = np.random.default_rng(0)
    expert = rng.normal(0, 0.1, (2, FEATURES + 1))
    experts = [expert + rng.normal(0, apart, expert.shape) for _ in range(EXPERTS)]
    head = ExpertHead(FEATURES, EXPERTS)
    with torch.no_grad():
        head.head_parameters.copy_(torch.from_numpy(np.concatenate([np.zeros((EXPERTS, FEATURES + 1)), *experts])))
    return head


def _examples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    features = np.abs(rng.standard_normal((EXAMPLES, FEATURES))).astype(np.float32)
    return features, rng.uniform(-1, 1, (EXAMPLES, 2)).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_it_does_not_diverge(scale: float) -> None:
    """SGD on squared error diverges where rate x |z|^2 is far above 2: it is 1e-3 x 64 at scale 1, 6e4 at scale 1e3."""
    features, labels = _examples()
    golden = head_answers(_head(0.1), scale * features, labels, RECIPE)
    assert all(losses.max() <= 10 * losses[0] for losses in golden.losses.values())
    if scale == 1:
        assert {name: float(hyper[0]) for name, hyper in golden.hyper.items()} == pytest.approx(RECIPE.learning_rate)
    else:
        assert golden.hyper["sgd"][0] < 1e-5
    assert all(hyper[1] == np.float32(RECIPE.sparsity) for hyper in golden.hyper.values())


@pytest.mark.slow
@pytest.mark.parametrize("apart", [1e-4, 0.0])
def test_the_last_bit_does_not_decide(apart: float) -> None:
    """Experts all but alike: the gate's gradients cancel out, and Adam divides rounding by rounding.

    On the first draw of batches float32 and float64 end apart. On other batches they
    do not, when the experts differ a little; when they are the same, only a smaller rate helps.
    """
    features, labels = _examples()

    def error_of_float32(batches: np.ndarray, rate: float) -> float:
        ends = [
            _train(head, torch.from_numpy(features).to(kind), torch.from_numpy(labels).to(kind), batches, hyper, "adam")
            for hyper in [(rate, RECIPE.sparsity)]
            for head, kind in ((_head(apart), torch.float32), (copy.deepcopy(_head(apart)).double(), torch.float64))
        ]
        return float(np.abs(ends[0][1] - ends[1][1]).max())

    first = _batches(EXAMPLES, RECIPE, _SEED)
    assert error_of_float32(first, 1e-3) > 2e-6
    golden = head_answers(_head(apart), features, labels, RECIPE)
    rate = float(golden.hyper["adam"][0])
    assert error_of_float32(golden.batches["adam"], rate) <= 1e-6
    assert (golden.batches["adam"] != first).any()


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.1, 1e-2, 1e-3, 1e-4])
def test_the_order_of_adding_does_not_decide(apart: float) -> None:
    """Features, experts and samples in 40 other orders, in float32: each ends within half of what a runtime may err."""
    features, labels = _examples()
    golden = head_answers(_head(apart), features, labels, RECIPE)
    rng = np.random.default_rng(2)
    for _ in range(40):
        columns, experts = rng.permutation(FEATURES), rng.permutation(EXPERTS)
        pairs = EXPERTS + 2 * np.repeat(experts, 2) + np.tile([0, 1], EXPERTS)
        place = np.ix_(np.concatenate([experts, pairs]), np.append(columns, FEATURES))
        head, z = _head(apart), torch.from_numpy(features[:, columns])
        with torch.no_grad():
            head.head_parameters.copy_(head.head_parameters[place].clone())
        batches = rng.permuted(golden.batches["adam"], axis=1)
        rate, lambda_1 = golden.hyper["adam"].tolist()
        _, end = _train(head, z, torch.from_numpy(labels), batches, (rate, lambda_1), "adam")
        np.testing.assert_allclose(end, golden.trained["adam"][0][place], rtol=0, atol=5e-6)
