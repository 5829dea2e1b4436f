"""The phone decides as the float64 reference does: the exported method against the formulas, on many owners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.models.label_set import head_output
from pen_mobile.models.posterior import adapt
from pen_mobile.phone.adaptation.adapt import adapt as adapt_phone
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.prior import adapt_with_prior
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Doubles

OWNERS = 200
WITHOUT_WEIGHT, ALL_ALIKE = 5, 11
"""Numbers of owners, modulo 20."""


def owner(seed: int, runtime: BundleRuntime, instant: bool = False) -> Samples:
    """Return 1 to 40 labels of an owner: honest, inverted, unrelated or nearly alike, at random times or one instant.

    Every 20th owner has weights of 0, and every 20th the same label 40 times.
    """
    rng = np.random.default_rng(seed)
    count = 40 if seed % 20 == ALL_ALIKE else int(rng.integers(1, 41))
    z = rng.standard_normal((count, 16)).astype(np.float32)
    said = runtime.predict(runtime.head_parameters(), z)[0]
    kinds = (said + rng.normal(0, 0.3, 2), -said, rng.uniform(-1, 1, said.shape), np.full_like(said, 0.3))
    labels = np.clip(kinds[seed % 4] + rng.normal(0, 0.05, said.shape), -1, 1).astype(np.float32)
    weight = np.ones(count, np.float32)
    if seed % 20 == WITHOUT_WEIGHT:
        weight[:] = 0
    if seed % 20 == ALL_ALIKE:
        labels[:] = labels[:1]
    times = np.zeros(count) if instant else np.sort(rng.uniform(0, rng.choice([10, 300, 86_400]), count))
    return Samples(z, labels, weight, 1.7e9 + times)


def is_clear(report: Doubles) -> bool:
    """Return whether no verdict of a report is a matter of rounding."""
    worse = report[ReportRow.ERROR_ADAPTED] - report[ReportRow.ERROR_NOT_ADAPTED] - report[ReportRow.MARGIN]
    distances = (
        report[ReportRow.CHECK] - report[ReportRow.CHECK_LIMIT],
        report[ReportRow.JOINT_CHECK] - report[ReportRow.JOINT_CHECK_LIMIT],
        report[ReportRow.ROUGHNESS] - report[ReportRow.ROUGHNESS_LIMIT],
        report[ReportRow.SURPRISE].max() - report[ReportRow.SURPRISE_LIMIT],
        worse - report[ReportRow.ERROR_LIMIT] * report[ReportRow.UNCERTAINTY],
    )
    return bool(np.abs(distances).min() > 1e-3)


@pytest.fixture(scope="module")
def runtime(small_bundle: Path) -> BundleRuntime:
    return BundleRuntime(open_bundle(small_bundle))


@pytest.mark.slow
def test_verdicts_and_answers_are_those_of_the_reference(small_run: Path, runtime: BundleRuntime) -> None:
    """Every verdict is the same, unless a number is within 0.001 of its limit; 5 % of heads may be off.

    Where labels are nearly copies, float32 has few digits.

    Two verdicts occur whatever the prior learned: weights of 0 leave no labels, and 40 equal labels have the variance
    0, which is below 1e-6; no labels of source people are alike, so the prior allows that for 4 labels at most.
    """
    prior = Run.open(small_run).prior()
    shipped = runtime.head_parameters()[0].astype(np.float64)
    seen: dict[int, set[float]] = {}
    apart = []
    for seed in range(OWNERS):
        context = AdaptationContext(runtime, owner(seed, runtime), runtime.bundle.manifest.adaptation)
        samples, times = context.samples, context.times.astype(np.float32).astype(np.float64)
        parameters, report = adapt_with_prior(context)
        z, y = samples.features.astype(np.float64), samples.labels.astype(np.float64)
        expected, said = adapt(prior, shipped, z, y, samples.weight.astype(np.float64), times)
        if is_clear(said):
            assert report[ReportRow.VERDICT].tolist() == said[ReportRow.VERDICT].tolist(), seed
        seen.setdefault(seed % 20, set()).update(report[ReportRow.VERDICT].tolist())
        first, second = (head_output(head.astype(np.float64), z, 2) for head in (parameters[0], expected))
        apart.append(np.abs(first - second).max())
    assert seen[WITHOUT_WEIGHT] == {Verdict.NO_LABELS}
    assert seen[ALL_ALIKE] == {Verdict.ALL_ALIKE}
    assert np.quantile(apart, 0.95) < 1e-5
    assert max(apart) < 1e-3


@pytest.mark.slow
def test_labels_of_one_instant_end_in_numbers(runtime: BundleRuntime) -> None:
    """Float32 has digits enough for them: no report and no head holds anything else, whatever the verdict."""
    for seed in range(60):
        context = AdaptationContext(runtime, owner(seed, runtime, instant=True), runtime.bundle.manifest.adaptation)
        parameters, report = adapt_with_prior(context)
        assert np.isfinite(parameters).all()
        assert np.isfinite(report).all()
        result, accepted = adapt_phone(context)
        assert result.accepted == (accepted is not None) == (report[ReportRow.VERDICT] == Verdict.ADAPTED).any()
