"""One person whom the source model misjudges, at a size where every sum can be written as a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Case = tuple[Tensor, Tensor, Tensor]
D = 5


def _make_case(expert_count: int, labels: int, noise: float = 0.1) -> Case:
    """Return a packed head, features and labels: what the head says, plus a line of the person's own, plus noise."""
    generator = torch.Generator().manual_seed(10 * expert_count + labels)
    head_parameters = torch.randn(3 * expert_count, D + 1, generator=generator) * 0.4
    z = torch.randn(labels, D, generator=generator)
    own = torch.randn(D, 2, generator=generator) * 0.3
    _, affect = _loop_mixture(head_parameters, z)
    surprise = torch.randn(labels, 2, generator=generator) * noise
    return head_parameters, z, torch.from_numpy(affect).float() + z @ own + 0.3 + surprise


def _loop_mixture(head_parameters: Tensor, z: Tensor) -> tuple[Array, Array]:
    """Gate weights ``[N, n_s]`` and affect ``[N, 2]`` (Eqs. 1-3), one sample and one expert after the other."""
    rows, count = head_parameters.double().numpy(), len(head_parameters) // 3
    gates, estimates = [], []
    for sample in z.double().numpy():
        products = rows @ np.append(sample, 1.0)
        gate = np.exp(products[:count]) / np.exp(products[:count]).sum()
        gates.append(gate)
        estimates.append(sum(gate[i] * products[count + 2 * i : count + 2 * i + 2] for i in range(count)))
    return np.array(gates).reshape(-1, count), np.array(estimates).reshape(-1, 2)


@pytest.fixture
def make_case() -> Callable[..., Case]:
    return _make_case


@pytest.fixture
def loop_mixture() -> Callable[[Tensor, Tensor], tuple[Array, Array]]:
    return _loop_mixture
