"""Acceptance of gradient steps: the report of the method ``adapt``, decided again with their errors."""

from __future__ import annotations

import numpy as np

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.phone.adaptation.cross_validation import GradientFit
from pen_mobile.types import Floats


def judge_gradient(report: Floats, fit: GradientFit) -> Floats:
    """Return the report ``[R, K]`` with errors and verdicts of gradient steps, by the rule of the method ``adapt``.

    A target is worse when its RMSE on labels left out grows by more than ``MARGIN + ERROR_LIMIT * UNCERTAINTY``.

    Args:
        report: of the method on the same labels, ``[R, K]``; what it says of the labels alone stays.
        fit: errors on labels left out.
    """
    votes, total = fit.votes, fit.votes.sum()
    before, after = fit.before.astype(np.float64), fit.after.astype(np.float64)
    first, second = (np.sqrt(votes @ squares / total) for squares in (before, after))
    spread = votes @ np.square(after - before - votes @ (after - before) / total) / total
    uncertainty = np.sqrt(spread / max(total - 1, 0.01)) / np.maximum(first + second, 1e-6)
    judged: Floats = report.copy()
    judged[ReportRow.ERROR_ADAPTED], judged[ReportRow.UNCERTAINTY] = second, uncertainty
    limit = report[ReportRow.MARGIN] + report[ReportRow.ERROR_LIMIT] * uncertainty
    fits = second - first <= limit  # false for NaN
    labels_fit = np.isin(report[ReportRow.VERDICT], (Verdict.ADAPTED, Verdict.WORSE_LEFT_OUT))
    judged[ReportRow.VERDICT] = np.where(
        labels_fit, np.where(fits, Verdict.ADAPTED, Verdict.WORSE_LEFT_OUT), report[ReportRow.VERDICT]
    )
    return judged
