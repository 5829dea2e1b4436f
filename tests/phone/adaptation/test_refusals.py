"""Labels that are refused, at the door or by the guard: the head stays, and the store says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import Verdict
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.options import StoreOptions
from tests.phone.adaptation.reports import made_up_report

NOW = 1.7e9
COUNT = 40


def open_phone(bundle: Path) -> Phone:
    return Phone.open(bundle, options=StoreOptions(clock=lambda: NOW))


def told(phone: Phone) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, honest labels 0.2 above the head, and one moment a minute."""
    z = np.random.default_rng(0).standard_normal((COUNT, 16)).astype(np.float32)
    return z, np.clip(phone.predict_features(z)[0] + 0.2, -1, 1), NOW - 9000 + 60.0 * np.arange(COUNT)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (1.5, "1.5"), (-np.inf, "-inf")])
def test_a_label_that_is_none_is_refused_with_all_that_came_with_it(
    small_bundle: Path, value: float, word: str
) -> None:
    with open_phone(small_bundle) as phone:
        z, affect, times = told(phone)
        affect[3, 1] = value
        with pytest.raises(BadInput, match=r"label 4 is .*must lie in \[-1, 1\]") as refusal:
            phone.add_labels(z, affect, times)
        assert word in str(refusal.value)
        noted = phone.store.events.entries()[-1]
        assert (noted["kind"], noted["detail"]) == (
            "labels-refused",
            {"labels": COUNT, "reason": str(refusal.value)},
        )
        assert phone.status().samples == 0


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (Verdict.CONTRADICTS_HEAD, "the labels contradict the shipped head"),
        (Verdict.TOO_ROUGH, "the labels jump from moment to moment"),
        (Verdict.SURPRISING, "farther from what this face usually shows"),
        (Verdict.ALL_ALIKE, "all labels are the same"),
        (Verdict.WORSE_LEFT_OUT, "it would get worse"),
    ],
)
def test_labels_that_the_method_declines_are_refused_and_the_history_says_why(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, word: str
) -> None:
    """When the method declines is tested with its formulas; here, what the phone makes of it."""
    report = made_up_report(verdict, verdict)[None]
    monkeypatch.setattr(BundleRuntime, "adapt", lambda self, parameters, *inputs: (parameters, report))
    with open_phone(small_bundle) as phone:
        z, affect, times = told(phone)
        shipped = phone.parameters.copy()
        phone.add_labels(z, affect, times)
        result = phone.adapt()
        assert not result.accepted
        noted = phone.history()
        assert [(state["status"], state["reason"]) for state in noted] == [("rejected", result.reason)]
        assert word in result.reason
        assert noted[0]["labels"] == COUNT
        np.testing.assert_array_equal(phone.parameters, shipped)


def test_when_labels_were_given_is_kept(small_bundle: Path) -> None:
    with open_phone(small_bundle) as phone:
        z, affect, times = told(phone)
        phone.add_labels(z, affect, times)
        np.testing.assert_allclose(phone.store.samples().captured_at, times)
        phone.add_labels(z[:1] + 1, affect[:1])
        assert phone.store.samples().captured_at[-1] == NOW
