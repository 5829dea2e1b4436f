"""Everything that decides the outcome of one adaptation, in one object that the parts of it share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.phone.adaptation.acceptance import rmse_of
from pen_mobile.phone.adaptation.blocks import Blocks, blocks_of, relative_times
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows


@dataclass(frozen=True, eq=False)
class AdaptationContext:
    """The inputs of one adaptation.

    Attributes:
        runtime: the bundle's programs.
        parameters: the head in use, ``[1, n_s (1 + K), D_z + 1]``.
        samples: the owner's labelled features, oldest first.
        plan: strategy, budgets and the margin of acceptance.
        seed: decides the folds and the order of batches.
    """

    runtime: BundleRuntime
    parameters: Floats
    samples: Samples
    plan: AdaptationPart
    seed: int = 0

    @cached_property
    def blocks(self) -> Blocks:
        """The samples in blocks of time."""
        return blocks_of(self.samples)

    @cached_property
    def estimates(self) -> Floats:
        """Estimates of the head in use for all samples, ``[N, K]``."""
        return self.runtime.predict(self.parameters, self.samples.features)[0]

    @cached_property
    def all_rows(self) -> Rows:
        """Row numbers of all samples, ``[N]``."""
        return np.arange(len(self.samples.features))

    def predict(self, parameters: Floats, rows: Rows) -> Floats:
        """Return estimates ``[M, K]`` of a head for some samples.

        Args:
            parameters: the head, ``[1, n_s (1 + K), D_z + 1]``.
            rows: row numbers ``[M]``.
        """
        return self.runtime.predict(parameters, self.samples.features[rows])[0]

    def error(self, estimates: Floats, rows: Rows) -> float:
        """Return the weighted RMSE of estimates ``[M, K]`` for some samples, over all targets.

        Args:
            estimates: ``[M, K]``; NaN or infinity gives NaN or infinity.
            rows: row numbers ``[M]``.
        """
        return rmse_of(estimates, self.samples.labels[rows], self.samples.weight[rows])

    def digest(self) -> str:
        """Return SHA-256 of all inputs, the clock's zero excepted."""
        manifest = self.runtime.bundle.manifest
        facts = [manifest.files[manifest.head.file].sha256, self.plan.model_dump_json(), self.seed]
        digest = hashlib.sha256(json.dumps(facts).encode())
        samples = self.samples
        for values in (self.parameters, samples.features, samples.labels, samples.weight, relative_times(samples)):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
