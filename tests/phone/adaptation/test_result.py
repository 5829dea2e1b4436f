"""What a report says, in numbers and in words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.strategy import Strategy
from pen_mobile.phone.adaptation.result import AdaptationResult, reason_of, targets_of
from pen_mobile.targets import VALENCE_AROUSAL
from tests.phone.adaptation.reports import made_up_report

DOUBT = "the labels contradict the shipped head: they may be inverted, or belong to other moments or another person"


def reason(report: np.ndarray) -> str:
    return reason_of(targets_of(report, VALENCE_AROUSAL))


def test_both_targets_are_adapted() -> None:
    assert reason(made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)) == (
        "on labels left out, valence got better (error 0.50 to 0.25) and arousal got better (error 0.50 to 0.25); both "
        "are better than always answering your own mean (0.40)"
    )


def test_worse_than_the_own_mean_is_said() -> None:
    report = made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)
    report[ReportRow.ERROR_OWN_MEAN, 1] = 0.2
    assert "arousal is worse than always answering your own mean (0.20)" in reason(report)


def test_one_target_keeps_its_head() -> None:
    report = made_up_report(Verdict.ADAPTED, Verdict.WORSE_LEFT_OUT)
    report[ReportRow.ERROR_ADAPTED, 1] = 0.625
    assert reason(report).endswith("; arousal keeps the old head: it would get worse (error 0.50 to 0.62)")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.CONTRADICTS_HEAD, f"valence and arousal keep the old head: {DOUBT}"),
        (
            Verdict.NO_LABELS,
            "valence and arousal keep the old head: no label can be used: the faces are far from all that the model "
            "learned from (another camera, light or crop?)",
        ),
    ],
)
def test_both_targets_keep_the_head(verdict: Verdict, words: str) -> None:
    assert reason(made_up_report(verdict, verdict)) == words


def test_a_number_that_is_no_verdict_refuses() -> None:
    report = made_up_report(Verdict.ADAPTED, Verdict.ADAPTED)
    report[ReportRow.VERDICT] = np.nan, 7
    assert [target.verdict for target in targets_of(report, VALENCE_AROUSAL)] == [Verdict.WORSE_LEFT_OUT] * 2


def test_a_result_is_one_json_document() -> None:
    report = made_up_report(Verdict.ADAPTED, Verdict.CONTRADICTS_HEAD)
    report[ReportRow.UNCERTAINTY] = np.inf
    result = AdaptationResult(True, "why", 9, targets_of(report, VALENCE_AROUSAL), Strategy.PRIOR)
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["strategy"] == "prior"
    assert [target["verdict"] for target in document["targets"]] == ["adapted", "contradicts_head"]
    assert document["targets"][0]["uncertainty"] is None
