"""The head in a manifest: its sizes, and the methods by which it predicts, trains and adapts."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator

from pen_mobile.contract.limits import MAX_BYTES
from pen_mobile.contract.part import CoreMLPart, Count, FileName, MethodName, OptimizerName, Part
from pen_mobile.contract.strategy import Strategy
from pen_mobile.targets import MAX_TARGETS


class StateTensor(Part):
    """One tensor of the head state, float32, in the order in which methods take and return them."""

    name: str
    shape: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)]

    @model_validator(mode="after")
    def _fits_in_memory(self) -> StateTensor:
        if 4 * math.prod(self.shape) > MAX_BYTES:
            raise ValueError(f"{self.shape} is larger than any bundle")
        return self


class HyperParameter(Part):
    """One number of the ``hyper`` input, in order, with the value to use when in doubt."""

    name: str
    default: float


class TrainPart(Part):
    """A train method: ``(state.., z [S,B,D_z], y [S,B,K], weight [S,B], hyper [H]) -> (state'.., loss [S])``.

    Attributes:
        optimizer: its name.
        state: tensors that go in and come out. ``state[0]`` is the head parameters, the others are the optimizer's
            slots, which start at zero.
        steps: S, optimizer steps in one call, each on its own batch.
        batch: B, samples a step; weight 0 pads a short one.
        constants: numbers baked into the program.
        hyper: numbers given at every call.
    """

    method: MethodName
    optimizer: OptimizerName
    state: Annotated[list[StateTensor], Field(min_length=1)]
    steps: Count
    batch: Count
    constants: dict[str, float]
    hyper: list[HyperParameter]
    coreml: CoreMLPart | None = None

    def default_hyper(self) -> list[float]:
        """Return the defaults for the ``hyper`` input, in order."""
        return [value.default for value in self.hyper]


class AdaptPart(Part):
    """Adaptation under the prior, in one call.

    ``(head_parameters, z [1,N,D_z], y [1,N,K], weight [1,N], time [1,N]) -> head_parameters', report [1,R,K]``. The
    rows of the report are those of :class:`~pen_mobile.contract.adaptation_report.ReportRow`.

    Attributes:
        labels: N, samples of one call; weight 0 pads.
        noise_seconds: time over which errors of neighbouring labels are alike, for each target. Longer gaps than 20
            times the longest may be shortened to that, so that times keep their differences in float32.
        margin: RMSE by which an adapted head may be worse on time left out, beside what chance allows.
    """

    method: MethodName
    labels: Count
    noise_seconds: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1, max_length=MAX_TARGETS)]
    margin: Annotated[float, Field(ge=0)]
    coreml: CoreMLPart | None = None


class PredictPart(Part):
    """The predict method: ``(head_parameters, z [1,B,D_z]) -> (targets [1,B,K], gate [1,B,n_s])``."""

    method: MethodName
    batch: Count
    coreml: CoreMLPart | None = None


class HeadPart(Part):
    """The trainable head: its methods and sizes.

    The head parameters are one matrix ``[1, n_s (1 + K), D_z + 1]``: n_s rows of the gate, then the K targets of the
    first expert, of the second, and so on; the last column is the bias.

    Attributes:
        head_parameters: file with those that every phone starts from, row-major little-endian float32.
        expert_count, target_count, feature_size: n_s, K and D_z.
        train: one method for each optimizer that the bundle carries.
        adapt: adaptation under the prior; None where the bundle carries none.
    """

    file: FileName
    head_parameters: FileName
    expert_count: Count
    target_count: Annotated[int, Field(ge=1, le=MAX_TARGETS)]
    feature_size: Count
    predict: PredictPart
    train: Annotated[list[TrainPart], Field(min_length=1)]
    adapt: AdaptPart | None = None

    @property
    def parameters_shape(self) -> tuple[int, int, int]:
        """Shape of the head parameters, ``[1, n_s (1 + K), D_z + 1]``."""
        return 1, self.expert_count * (1 + self.target_count), self.feature_size + 1

    @property
    def strategies(self) -> list[Strategy]:
        """Strategies that the bundle carries: the prior is in the method adapt."""
        return [Strategy.GRADIENT] if self.adapt is None else [Strategy.PRIOR, Strategy.GRADIENT]

    @property
    def optimizers(self) -> list[OptimizerName]:
        """Optimizers that the bundle carries a train method for."""
        return [part.optimizer for part in self.train]

    def trainer(self, optimizer: str) -> TrainPart:
        """Return the train method of an optimizer, which must be among those carried."""
        return next(part for part in self.train if part.optimizer == optimizer)

    @model_validator(mode="after")
    def _sizes_agree(self) -> HeadPart:
        for part in self.train:
            if part.state[0].shape != self.parameters_shape:
                raise ValueError(
                    f"state[0] of {part.method} has shape {part.state[0].shape}, but n_s and D_z ask for "
                    f"{self.parameters_shape}"
                )
        if len({part.optimizer for part in self.train}) < len(self.train):
            raise ValueError("two train methods have one optimizer")
        return self
