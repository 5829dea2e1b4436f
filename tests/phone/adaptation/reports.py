"""Reports of the method ``adapt``, made up for tests of what a phone does with them."""

from __future__ import annotations

import numpy as np

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.types import Floats


def made_up_report(*verdicts: Verdict, before: float = 0.5, after: float = 0.25, own_mean: float = 0.4) -> Floats:
    """Return a report ``[R, K]`` with these verdicts; the error may grow by 0.02 and two standard errors."""
    report = np.zeros((len(ReportRow), len(verdicts)), np.float32)
    report[ReportRow.VERDICT] = verdicts
    report[ReportRow.ERROR_NOT_ADAPTED], report[ReportRow.ERROR_ADAPTED] = before, after
    report[ReportRow.ERROR_OWN_MEAN], report[ReportRow.EFFECTIVE_LABELS] = own_mean, 8
    report[ReportRow.ERROR_LIMIT], report[ReportRow.MARGIN] = 2, 0.02
    return report
