"""What a verification found: every comparison with the float model, and what could not be compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pen_mobile.metrics import Agreement
from pen_mobile.utils.plain import to_plain

Signature = Literal["valid", "not checked", "none"]


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
        checks: features, targets, gate, loss and head parameters of training.
        agreement: CCC and RMSE of the runtime's estimates against the float model's.
        scope: what was run.
        skipped: checks that this machine cannot make, with the reason.
        outside_delegate: per program file, operators that run on portable kernels instead of the delegate.
        signature: ``valid``, ``none``, or ``not checked`` because no key was given.
    """

    checks: list[Check]
    agreement: Agreement
    scope: str = "the programs in the ExecuTorch runtime"
    skipped: dict[str, str] = field(default_factory=dict)
    outside_delegate: dict[str, list[str]] = field(default_factory=dict)
    signature: Signature = "not checked"

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {
            "passed": self.passed,
            "signature": self.signature,
            "scope": self.scope,
            "checks": [asdict(check) | {"passed": check.passed} for check in self.checks],
            "skipped": self.skipped,
            "outside_delegate": self.outside_delegate,
            "against_float_model": to_plain(self.agreement),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Verification:
        """Return what :meth:`as_json` wrote."""
        return cls(
            [Check(check["name"], check["largest_error"], check["tolerance"]) for check in values["checks"]],
            Agreement(**values["against_float_model"]),
            values["scope"],
            values["skipped"],
            values["outside_delegate"],
        )
