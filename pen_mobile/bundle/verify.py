"""Proof that a bundle, in the real runtime, gives the float model's answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.golden import Golden
from pen_mobile.contract.folder import BundleFolder
from pen_mobile.contract.head_state import fresh_state
from pen_mobile.metrics import Agreement, agreement
from pen_mobile.phone.runtime import BundleRuntime

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Check:
    """One comparison: the largest difference and how large it may be.

    The difference is relative to the largest expected value when that is above 1, absolute otherwise.
    """

    name: str
    largest_error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """True when the error is within its tolerance; NaN never is."""
        return self.largest_error <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """What verification found.

    Attributes:
        checks: features, affect, gate, training loss and parameters.
        agreement: CCC and RMSE of the runtime's affect against the float model's.
    """

    checks: list[Check]
    agreement: Agreement

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "passed": self.passed,
            "checks": [asdict(check) | {"passed": check.passed} for check in self.checks],
            "against_float_model": self.agreement._asdict(),
        }


def verify_bundle(bundle: BundleFolder) -> Verification:
    """Run the bundle's golden vectors through its programs in the ExecuTorch runtime."""
    runtime = BundleRuntime(bundle)
    part = bundle.manifest.golden
    golden = Golden.read(bundle.file(part.file))
    parameters = runtime.initial_parameters()
    features, checks = golden.features, []
    if bundle.manifest.backbone is not None:
        features = runtime.features(golden.frames)
        checks.append(Check("features", _error(features, golden.features), part.feature_tolerance))
    affect, gate = runtime.predict(parameters, features)
    trained, losses = _replay(runtime, golden, parameters)
    checks += [
        Check("affect", _error(affect, golden.affect), part.affect_tolerance),
        Check("gate", _error(gate, golden.gate), part.affect_tolerance),
        Check("training loss", _error(losses, golden.losses), part.train_tolerance),
        Check("parameters after training", _error(trained, golden.parameters), part.train_tolerance),
    ]
    return Verification(checks, agreement(affect, golden.affect))


def _replay(runtime: BundleRuntime, golden: Golden, parameters: Floats) -> tuple[Floats, Floats]:
    """Repeat the golden training from the golden features, short batches padded with weight 0."""
    head = runtime.bundle.manifest.head
    state, losses = fresh_state(parameters, head), []
    for rows in golden.batches.reshape(-1, head.train.steps, head.train.batch):
        weight = (rows >= 0).astype(np.float32)
        z, y = golden.features[rows], golden.labels[rows]
        state, loss = runtime.train(state, z, y, weight, runtime.default_hyper())
        losses.append(loss)
    return state[0], np.concatenate(losses)


def _error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale
