"""Proof of the method ``adapt`` where a bundle has label sets, and what is checked and said where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.bundle.verify_adapt import adapt_checks, not_compared
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.types import Floats


@pytest.fixture(scope="module")
def runtime(small_bundle: Path) -> Iterator[BundleRuntime]:
    return BundleRuntime(open_bundle(small_bundle))


def without_label_sets(runtime: BundleRuntime) -> Golden:
    return replace(read_golden(runtime.bundle), adapt_rows={})


def test_label_sets_are_compared_and_nothing_is_left_out(runtime: BundleRuntime) -> None:
    golden = read_golden(runtime.bundle)
    checks = adapt_checks(runtime, golden, runtime.head_parameters())
    assert [check.name for check in checks] == ["adapt: targets", "adapt: report", "adapt: verdicts"]
    assert all(check.passed for check in checks)
    assert not_compared(runtime.bundle.manifest, golden) == {}


def test_without_label_sets_the_method_gives_the_shipped_head_back(runtime: BundleRuntime) -> None:
    golden = without_label_sets(runtime)
    (check,) = adapt_checks(runtime, golden, runtime.head_parameters())
    assert (check.name, check.largest_error, check.passed) == ("adapt: without labels", 0.0, True)
    assert "nearly the same for every face" in not_compared(runtime.bundle.manifest, golden)["adapt"]


def test_a_method_that_moves_the_head_without_a_label_is_found(
    runtime: BundleRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moving(parameters: Floats, *rest: Floats) -> tuple[Floats, Floats]:
        return parameters + np.float32(1e-3), np.zeros((1, 1, 1), np.float32)

    monkeypatch.setattr(runtime, "adapt", moving)
    (check,) = adapt_checks(runtime, without_label_sets(runtime), runtime.head_parameters())
    assert check.largest_error == pytest.approx(1e-3, rel=1e-3)
    assert not check.passed


def test_nan_for_the_last_label_set_alone_is_found(runtime: BundleRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's ``max`` of 1e-7 and NaN is 1e-7."""
    golden, calls, adapt = read_golden(runtime.bundle), [], runtime.adapt

    def broken(*inputs: Floats) -> tuple[Floats, Floats]:
        calls.append(1)
        adapted, report = adapt(*inputs)
        return (adapted, report) if len(calls) < len(golden.adapt_rows) else (adapted * np.nan, report * np.nan)

    monkeypatch.setattr(runtime, "adapt", broken)
    assert not any(check.passed for check in adapt_checks(runtime, golden, runtime.head_parameters()))
