"""The result of a verification: every comparison with the float model, and what could not be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.model_card import ModelCard
from pen_mobile.metrics import Agreement
from pen_mobile.utils.frames import Tabular
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Cell, Part, Table
from pen_mobile.utils.text import counted, decimal, joined

LOW_CCC = 0.95
"""Agreement with the float model below which a person is warned: the estimates differ visibly."""

Signature = Literal["valid", "not checked", "none", "made here"]


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


@dataclass(frozen=True, repr=False)
class Verification(Tabular, Readable):
    """Comparison of a bundle with the float model.

    Attributes:
        checks: features, targets, gate, loss and head parameters of training.
        agreement: CCC and RMSE of the runtime's estimates against the float model's.
        scope: what was run.
        skipped: checks that cannot be made, here or for this bundle, with the reason.
        outside_delegate: per program file, operators that run on portable kernels instead of the delegate.
        signature: ``valid``, ``none``, ``not checked`` because no key was given, or ``made here`` by this very export.
            With ``none`` and ``not checked``, the golden vectors are those of whoever made the bundle.
        card: what the maker says about the model.
    """

    rows_key = "checks"

    checks: list[Check]
    agreement: Agreement
    scope: str = "the programs in the ExecuTorch runtime"
    skipped: dict[str, str] = field(default_factory=dict)
    outside_delegate: dict[str, list[str]] = field(default_factory=dict)
    signature: Signature = "made here"
    card: ModelCard | None = None

    @property
    def trusted(self) -> bool:
        """True when it is known that the golden vectors are the float model's."""
        return self.signature in ("valid", "made here")

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence: whether the bundle answers as the float model does."""
        failed = [check.name for check in self.checks if not check.passed]
        if failed:
            other = "the float model" if self.trusted else "its own golden vectors"
            return f"The bundle differs from {other} in {joined(failed)}; export it again."
        passed = counted(len(self.checks), "comparison")
        said = "answers as the float model does" if self.trusted else "is intact and equal to its own golden vectors"
        return f"The bundle {said}: {passed} passed, CCC {decimal(self.agreement.ccc)}."

    def card_lines(self) -> list[str]:
        """Return the identity of the model, and its use and limits where they are stated."""
        card = self.card or ModelCard()
        said = {"contact": card.contact, "intended use": card.intended_use, "limits": card.limits}
        return [f"model: {card.title}", *(f"{name}: {text}" for name, text in said.items() if text)]

    def as_parts(self) -> list[Part]:
        """Return the verdict and every comparison, what was not compared, and what runs outside the delegate."""
        return [self.verdict, *self.details(), *self.cautions()]

    def details(self) -> list[Part]:
        """Return every comparison, what was not compared, and what runs outside the delegate."""
        skipped = [f"skipped: {name}: {reason}" for name, reason in self.skipped.items()]
        return [self.check_table(), *skipped, *self._delegate_lines()]

    def check_table(self) -> Table:
        """Return every comparison with its largest error and what is allowed."""
        rows = [
            (check.name, f"{check.largest_error:.2e}", f"{check.tolerance:.0e}", _passed(check.passed))
            for check in self.checks
        ]
        return Table(("check", "largest error", "allowed", ""), rows)

    def cautions(self) -> list[str]:
        """Return a warning when a bundle within its tolerances still answers differently from the float model."""
        ccc = self.agreement.ccc
        if ccc is None or ccc >= LOW_CCC:
            return []
        return [
            f"caution: CCC to the float model is {decimal(ccc)}, below {LOW_CCC}: the estimates of this bundle differ "
            "from the float model's; compare both on your own people before you ship it"
        ]

    def _delegate_lines(self) -> list[str]:
        outside = {file: operators for file, operators in self.outside_delegate.items() if operators}
        if self.outside_delegate and not outside:
            return [f"everything runs in {'its delegate' if 'features' in self.skipped else 'XNNPACK'}"]
        return [f"{file}: runs on portable kernels: {', '.join(operators)}" for file, operators in outside.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        plain: dict[str, Any] = to_plain(self)
        checks = [to_plain(check) | {"passed": check.passed} for check in self.checks]
        return plain | {"passed": self.passed, "checks": checks}


def largest_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference, divided by the largest expected value where that is above 1.

    Args:
        found: what a runtime gave.
        expected: what the float model gave, of the same shape.
    """
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale


def _passed(passed: bool) -> Cell:
    return Cell("passed", tone="better") if passed else Cell("FAILED", tone="worse")
