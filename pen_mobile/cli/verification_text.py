"""A verification as lines and a table, for export and verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import decimal

if TYPE_CHECKING:
    from pen_mobile.bundle.verification import Verification

LOW_CCC = 0.95
"""Agreement with the float model below which a person is warned: the estimates differ visibly."""


def verification_parts(verification: Verification) -> list[Part]:
    """Return every check, what was not checked, and what runs outside the delegate.

    Args:
        verification: what export or verify found.
    """
    rows = [
        (check.name, f"{check.largest_error:.2e}", f"{check.tolerance:.0e}", "ok" if check.passed else "FAILED")
        for check in verification.checks
    ]
    skipped = [f"skipped: {name}: {reason}" for name, reason in verification.skipped.items()]
    return [Table(("check", "largest error", "allowed", ""), rows), *skipped, *_delegate_lines(verification)]


def cautions(verification: Verification) -> list[str]:
    """Return a warning when a bundle within its tolerances still answers differently from the float model.

    Args:
        verification: what export or verify found.
    """
    ccc = verification.agreement.ccc
    if ccc is None or ccc >= LOW_CCC:
        return []
    return [
        f"caution: CCC to the float model is {decimal(ccc)}, below {LOW_CCC}: the estimates of this bundle differ from "
        "the float model's; compare both on your own people before you ship it"
    ]


def _delegate_lines(verification: Verification) -> list[str]:
    outside = {file: operators for file, operators in verification.outside_delegate.items() if operators}
    if verification.outside_delegate and not outside:
        return ["everything runs in the delegate (XNNPACK or Vulkan)"]
    return [f"{file}: runs on portable kernels: {', '.join(operators)}" for file, operators in outside.items()]
