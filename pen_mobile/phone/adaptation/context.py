"""Everything that decides the outcome of one adaptation, in one object that the parts of it share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.head import AdaptPart, TrainPart
from pen_mobile.errors import BadInput
from pen_mobile.phone.adaptation.folds import thin_out
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Doubles, Floats, Rows

_INDEPENDENT = 20.0  # noise lengths after which nothing is alike: e^-20


@dataclass(frozen=True, eq=False)
class AdaptationContext:
    """The inputs of one adaptation, which always starts from the shipped head.

    Attributes:
        runtime: the bundle's programs.
        samples: labelled features, oldest first.
        plan: strategy and budgets.
    """

    runtime: BundleRuntime
    samples: Samples
    plan: AdaptationPart

    @cached_property
    def parameters(self) -> Floats:
        """The shipped head, ``[1, n_s (1 + K), D_z + 1]``."""
        return self.runtime.head_parameters()

    @cached_property
    def times(self) -> Doubles:
        """Capture times in seconds after the first sample, ``[N]``, with long gaps cut short.

        Only gaps of a few noise lengths matter. Shortened, the times of a year keep their differences in float32.
        """
        longest = _INDEPENDENT * self.noise_seconds
        gaps = np.minimum(np.diff(np.round(self.samples.captured_at - self.samples.captured_at[:1], 3)), longest)
        return np.concatenate([[0.0], np.cumsum(gaps)])[: len(self.samples.labels)]

    @property
    def method(self) -> AdaptPart:
        """The method ``adapt`` of the bundle.

        Raises:
            BadInput: the bundle carries none.
        """
        bundle = self.runtime.bundle
        if bundle.manifest.head.adapt is None:
            raise BadInput(f"{bundle.origin} carries no method adapt; export its run again")
        return bundle.manifest.head.adapt

    @property
    def trainer(self) -> TrainPart:
        """The train method of the plan's optimizer."""
        return self.runtime.bundle.manifest.head.trainer(self.plan.optimizer)

    @property
    def steps_of_an_evaluation(self) -> int:
        """Optimizer steps between evaluations: those of the plan, in whole calls of the program."""
        return -(-self.plan.check_every // self.trainer.steps) * self.trainer.steps

    @property
    def noise_seconds(self) -> float:
        """Time over which errors of neighbouring labels are alike, the longest of all targets."""
        return max(self.method.noise_seconds)

    @cached_property
    def judged(self) -> Rows:
        """Row numbers of the samples that the method ``adapt`` takes, ``[M]``."""
        return thin_out(self.times, self.method.labels)

    def predict(self, parameters: Floats, rows: Rows) -> Floats:
        """Return estimates ``[M, K]`` of a head for some samples.

        Args:
            parameters: the head, ``[1, n_s (1 + K), D_z + 1]``.
            rows: row numbers ``[M]``.
        """
        return self.runtime.predict(parameters, self.samples.features[rows])[0]

    def squares(self, parameters: Floats, rows: Rows) -> Floats:
        """Return squared errors ``[M, K]`` of a head for some samples; NaN or infinity where an estimate is none.

        Args:
            parameters: the head, ``[1, n_s (1 + K), D_z + 1]``.
            rows: row numbers ``[M]``.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            squares: Floats = np.square(self.predict(parameters, rows) - self.samples.labels[rows])
            return squares

    def digest(self) -> str:
        """Return SHA-256 of all inputs; times count from the first sample."""
        manifest, samples = self.runtime.bundle.manifest, self.samples
        files = [manifest.files[name].sha256 for name in (manifest.head.file, manifest.head.head_parameters)]
        digest = hashlib.sha256(json.dumps([*files, self.plan.model_dump_json()]).encode())
        for values in (samples.features, samples.labels, samples.weight, self.times):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
