"""What the protocol runs, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.paper.results import Pooling, Sampling
from pen_mobile.training.config import LearningConfig


@dataclass(frozen=True)
class ProtocolPlan:
    """Settings of the protocol; the defaults are the paper's (Section 4).

    Attributes:
        seeds: each decides source learning, splits, random weights and batches.
        shares: parts of each target person's rows that adapt (n / 100), rising; 0 is no adaptation.
        samplings: how the rows that adapt are chosen: ``random`` (the paper) or whole ``blocks`` of time.
        poolings: adapt to all target people ``pooled`` (the paper) or to one ``person`` at a time (the phone).
        epochs: passes over the samples, of source learning and of adaptation.
        steps: fixed number of optimizer steps of every adaptation instead of ``epochs``, so that models with few
            labels are not simply trained less; None keeps epochs.
        optimizer, learning_rate: of the heads; None is the optimizer's own step size.
        batch_size: samples a step.
        lambda_0, lambda_1: weights of the selector loss and of the gate's sparsity (Eqs. 4 and 8).
        strategies: names of the ways to adapt that are compared, one person at a time.
        comparators: learn the designs of Table 2, too.
        cross_validate: choose lambda_0 and lambda_1 from the paper's grid, with the first seed, on held-out rows of
            source people; replaces the two values above.
        counts: numbers of labels at which the strategies are compared, beside the shares.
    """

    seeds: tuple[int, ...] = (0,)
    shares: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
    samplings: tuple[Sampling, ...] = ("random", "blocks")
    poolings: tuple[Pooling, ...] = ("pooled", "person")
    epochs: int = 30
    steps: int | None = None
    optimizer: OptimizerName = "adadelta"
    learning_rate: float | None = None
    batch_size: int = 32
    lambda_0: float = 1e-3
    lambda_1: float = 1e-3
    strategies: tuple[str, ...] = ()
    comparators: bool = False
    cross_validate: bool = False
    counts: tuple[int, ...] = (5, 10, 20, 40, 60, 120)

    def __post_init__(self) -> None:
        self._check_lists()
        for name in ("epochs", "batch_size"):
            _require(getattr(self, name) >= 1, name, "at least 1")
        _require(self.steps is None or self.steps >= 1, "steps", "at least 1")
        _require(self.learning_rate is None or 0 < self.learning_rate < math.inf, "learning_rate", "greater than 0")
        for name in ("lambda_0", "lambda_1"):
            _require(0 <= getattr(self, name) < math.inf, name, "0 or more")
        _require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}")

    def _check_lists(self) -> None:
        for name in ("seeds", "shares", "samplings", "poolings", "strategies", "counts"):
            values = getattr(self, name)
            _require(len(set(values)) == len(values), name, "without repetitions")
            _require(name in ("strategies", "counts") or len(values) > 0, name, "at least one")
        _require(all(seed >= 0 for seed in self.seeds), "seeds", "0 or more")
        _require(all(0 <= share <= 0.5 for share in self.shares), "shares", "between 0 and 0.5: the other half tests")
        _require(list(self.shares) == sorted(self.shares), "shares", "in rising order")
        _require(all(count >= 1 for count in self.counts), "counts", "1 or more")
        _require_known(self.samplings, get_args(Sampling), "samplings")
        _require_known(self.poolings, get_args(Pooling), "poolings")

    def source_config(self, seed: int) -> LearningConfig:
        """Return the settings of source learning with one seed."""
        return LearningConfig(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            head_epochs=self.epochs,
            joint_epochs=self.epochs,
            batch_size=self.batch_size,
            lambda_0=self.lambda_0,
            lambda_1=self.lambda_1,
            seed=seed,
        )

    @property
    def adapting_shares(self) -> tuple[float, ...]:
        """The shares with which something adapts: all but 0."""
        return tuple(share for share in self.shares if share > 0)


def _require_known(values: Sequence[str], known: Sequence[str], name: str) -> None:
    for value in values:
        _require(value in known, name, f"some of {', '.join(known)}, not {value!r}")


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise BadInput(f"--{name.replace('_', '-')} must be {what}")
