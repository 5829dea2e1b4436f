"""Gradient steps are judged by the numbers of the report."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.posterior import adapt
from pen_mobile.phone.adaptation.acceptance import judge_gradient
from pen_mobile.phone.adaptation.cross_validation import GradientFit
from tests.models.test_posterior import a_prior, somebody
from tests.phone.adaptation.reports import made_up_report


def fit(before: list[list[float]], after: list[list[float]], votes: list[float] | None = None) -> GradientFit:
    """Return a fit with these errors of each label, ``[M, K]``."""
    squares = (np.square(np.array(errors, np.float32)) for errors in (before, after))
    return GradientFit(None, *squares, np.ones(len(before)) if votes is None else np.array(votes), 9)


def verdicts(report: np.ndarray) -> list[Verdict]:
    return [Verdict(int(number)) for number in report[ReportRow.VERDICT]]


def test_a_clear_improvement_is_accepted() -> None:
    """Every label is missed by 0.2 instead of 0.4; leaving any out changes nothing, so there is no uncertainty."""
    judged = judge_gradient(made_up_report(Verdict.ADAPTED), fit([[0.4]] * 4, [[0.2]] * 4))
    assert judged[ReportRow.ERROR_ADAPTED] == pytest.approx([0.2])
    assert judged[ReportRow.UNCERTAINTY] == pytest.approx([0], abs=1e-6)
    assert verdicts(judged) == [Verdict.ADAPTED]


def test_more_than_margin_and_chance_is_refused() -> None:
    """0.4 becomes 0.43 everywhere: 0.03 is more than 0.02; 0.41 is not."""
    report = made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)
    judged = judge_gradient(report, fit([[0.4, 0.4]] * 4, [[0.43, 0.41]] * 4))
    assert verdicts(judged) == [Verdict.WORSE_LEFT_OUT, Verdict.ADAPTED]


def test_uncertainty_by_hand() -> None:
    """Squares grow by 0.09 and 0.01, mean 0.05, variance 0.0016; votes 2: sqrt(0.0016 / 1) / (before + after).

    Before: sqrt(0.16) = 0.4; after: sqrt((0.25 + 0.17) / 2) = 0.4583.
    """
    report = made_up_report(Verdict.ADAPTED)
    judged = judge_gradient(report, fit([[0.4], [0.4]], [[0.5], [0.17**0.5]]))
    assert judged[ReportRow.UNCERTAINTY] == pytest.approx([0.04 / (0.4 + 0.4583)], abs=1e-4)
    assert verdicts(judged) == [Verdict.ADAPTED]  # 0.0583 worse; 0.02 + 2 * 0.0466 = 0.113 are allowed


def test_labels_that_contradict_the_head_stay_refused() -> None:
    report = made_up_report(Verdict.CONTRADICTS_HEAD, Verdict.WORSE_LEFT_OUT)
    judged = judge_gradient(report, fit([[0.4, 0.4]] * 4, [[0.1, 0.1]] * 4))
    assert verdicts(judged) == [Verdict.CONTRADICTS_HEAD, Verdict.ADAPTED]


def test_what_is_not_finite_is_refused() -> None:
    judged = judge_gradient(made_up_report(Verdict.ADAPTED), fit([[0.4]] * 2, [[np.nan], [0.1]]))
    assert verdicts(judged) == [Verdict.WORSE_LEFT_OUT]


def test_neighbours_share_a_vote() -> None:
    """Three labels of one moment with 1/3 each got worse by much, three others better: 0.25 of the error is theirs."""
    votes = [1 / 3] * 3 + [1.0] * 3
    judged = judge_gradient(made_up_report(Verdict.ADAPTED), fit([[0.4]] * 6, [[0.6]] * 3 + [[0.0]] * 3, votes))
    assert judged[ReportRow.ERROR_ADAPTED] == pytest.approx([(0.36 * 0.25) ** 0.5])


def test_the_rule_is_that_of_the_method() -> None:
    """The method's own left-out errors, judged here, give the method's uncertainty and verdict."""
    prior, person = a_prior(), somebody()
    _, report = adapt(prior, *person)
    report = report.astype(np.float32)
    votes = np.full(12, report[ReportRow.EFFECTIVE_LABELS, 0] / 12)
    same = fit([[0.3, 0.3]] * 12, [[0.3, 0.3]] * 12, votes.tolist())
    judged = judge_gradient(report, same)
    assert verdicts(judged) == [Verdict.ADAPTED] * 2
