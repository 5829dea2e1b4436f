"""What the protocol runs, checked before anything is computed."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.adaptation_splits import BLOCK_S, GAP_S
from pen_mobile.models.losses import LossConvention
from pen_mobile.models.optimizers import OptimizerName
from pen_mobile.training.batched_adaptation import AdaptationSettings
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.feature_scaling import FeatureScaling
from pen_mobile.utils.validation import Count, NotNegative, Positive, Seed, unique

Sampling = Literal["random", "blocks", "first", "recent"]
AdaptationScope = Literal["pooled", "person"]
Study = Literal["models", "strategies", "comparators", "learning"]

Some = Field(min_length=1)
Share = Annotated[float, Field(ge=0, le=0.5)]


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    if list(shares) != sorted(set(shares)):
        raise ValueError("must rise, without repetitions")
    return shares


class CellKey(NamedTuple):
    """Which cell."""

    seed: int
    sampling: Sampling
    scope: AdaptationScope
    study: Study

    def __str__(self) -> str:
        return f"seed-{self.seed}-{self.sampling}-{self.scope}-{self.study}"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ProtocolPlan:
    """Settings of the protocol; the defaults are the paper's (Section 4).

    Attributes:
        seeds: each decides source learning, splits, random weights and batches.
        shares: parts of each target person's rows that adapt (n / 100), rising; 0 is no adaptation. The other half
            of the rows tests.
        samplings: how the rows that adapt are chosen: ``random`` (the paper), whole ``blocks`` of time, the ``first``
            rows of a recording, or the most ``recent`` ones before the rows that test.
        scopes: adapt one head to all target people, ``pooled`` (the paper), or to one ``person`` at a time (the phone).
        epochs: passes over the samples, of source learning and of adaptation.
        steps: fixed number of optimizer steps of every adaptation instead of ``epochs``, so that models with few
            labels are not simply trained less; None keeps epochs.
        optimizer, learning_rate: of the heads; None is the optimizer's own step size.
        joint_learning_rate: of stage 4 of source learning; None as in :class:`LearningConfig`.
        standardize: take gradient steps on standardised features (see :class:`LearningConfig`).
        batch_size: samples a step.
        backbone_saw_people: whether source people taught what made the features (see :class:`LearningConfig`); a run
            knows it itself.
        lambda_0, lambda_1: weights of the selector loss and of the gate's sparsity (Eqs. 4 and 8).
        loss_convention: how the sums in the losses are meant (see :mod:`pen_mobile.models.losses`).
        strategies: ways to adapt that are compared, one person at a time.
        learning_strategies: compare ways to learn from source people that the paper tried: experts in isolation,
            early stopping by patience or as a cap, the shared head without its own stage.
        comparators: learn the designs of Table 2, too.
        cross_validate: choose lambda_0 and lambda_1 from the paper's grid, with the first seed, on held-out rows of
            source people; replaces the two values above.
        counts: numbers of labels at which the strategies are compared, beside the shares.
        block_seconds: length of a block of time.
        gap_seconds: rows closer than this in time to a tested row do not adapt, but at random.
    """

    seeds: Annotated[tuple[Seed, ...], Some, AfterValidator(unique)] = (0,)
    shares: Annotated[tuple[Share, ...], Some, AfterValidator(_rising)] = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
    samplings: Annotated[tuple[Sampling, ...], Some, AfterValidator(unique)] = ("random", "blocks")
    scopes: Annotated[tuple[AdaptationScope, ...], Some, AfterValidator(unique)] = ("pooled", "person")
    epochs: Count = 30
    steps: Count | None = None
    optimizer: OptimizerName = "adadelta"
    learning_rate: Positive | None = None
    joint_learning_rate: Positive | None = None
    standardize: bool = True
    batch_size: Count = 32
    backbone_saw_people: bool = False
    lambda_0: NotNegative = 1e-3
    lambda_1: NotNegative = 1e-3
    loss_convention: LossConvention = "paper"
    strategies: Annotated[tuple[Strategy, ...], AfterValidator(unique)] = ()
    learning_strategies: bool = False
    comparators: bool = False
    cross_validate: bool = False
    counts: Annotated[tuple[Count, ...], AfterValidator(unique)] = (5, 10, 20, 40, 60, 120)
    block_seconds: Positive = BLOCK_S
    gap_seconds: NotNegative = GAP_S

    def source_config(self, seed: int) -> LearningConfig:
        """Return the settings of source learning with one seed."""
        return LearningConfig(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            joint_learning_rate=self.joint_learning_rate,
            standardize=self.standardize,
            backbone_saw_people=self.backbone_saw_people,
            loss_convention=self.loss_convention,
            head_epochs=self.epochs,
            joint_epochs=self.epochs,
            batch_size=self.batch_size,
            lambda_0=self.lambda_0,
            lambda_1=self.lambda_1,
            seed=seed,
        )

    def adaptation_settings(self, seed: int, scaling: FeatureScaling | None) -> AdaptationSettings:
        """Return how every head of one seed adapts by gradient steps.

        Args:
            seed: decides the order of samples.
            scaling: of source learning with the seed.
        """
        return AdaptationSettings(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            lambda_1=self.lambda_1,
            batch_size=self.batch_size,
            epochs=self.epochs,
            steps=self.steps,
            seed=seed,
            loss_convention=self.loss_convention,
            scaling=scaling,
        )

    @property
    def adapting_shares(self) -> tuple[float, ...]:
        """The shares with which something adapts: all but 0."""
        return tuple(share for share in self.shares if share > 0)
