"""The phone decides as the float64 reference does: the exported method against the formulas, on many owners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.models.posterior import adapt, head_output
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.prior import adapt_with_prior
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.training.run_folder import Run

OWNERS = 200


def owner(seed: int, runtime: BundleRuntime) -> Samples:
    """Return labels of an owner: 1 to 40, honest, inverted, unrelated or all alike, at random times or one instant."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 41))
    z = rng.standard_normal((count, 16)).astype(np.float32)
    said = runtime.predict(runtime.head_parameters(), z)[0]
    kinds = (said + rng.normal(0, 0.3, 2), -said, rng.uniform(-1, 1, said.shape), np.full_like(said, 0.3))
    labels = np.clip(kinds[seed % 4] + rng.normal(0, 0.05, said.shape), -1, 1).astype(np.float32)
    times = np.zeros(count) if seed % 7 == 0 else np.sort(rng.uniform(0, rng.choice([10, 300, 86_400]), count))
    return Samples(z, labels, np.ones(count, np.float32), 1.7e9 + times)


@pytest.fixture(scope="module")
def runtime(small_bundle: Path) -> BundleRuntime:
    return BundleRuntime(open_bundle(small_bundle))


def test_verdicts_and_answers_are_those_of_the_reference(small_run: Path, runtime: BundleRuntime) -> None:
    prior = Run.open(small_run).prior()
    shipped = runtime.head_parameters()[0].astype(np.float64)
    seen = set()
    for seed in range(OWNERS):
        context = AdaptationContext(runtime, owner(seed, runtime), runtime.bundle.manifest.adaptation)
        samples, times = context.samples, context.times.astype(np.float32).astype(np.float64)
        parameters, report = adapt_with_prior(context)
        z, y = samples.features.astype(np.float64), samples.labels.astype(np.float64)
        expected, said = adapt(prior, shipped, z, y, samples.weight.astype(np.float64), times)
        verdicts = report[ReportRow.VERDICT].astype(int).tolist()
        assert verdicts == said[ReportRow.VERDICT].astype(int).tolist(), seed
        seen.update(verdicts)
        answers = (head_output(head.astype(np.float64), z, 2) for head in (parameters[0], expected))
        np.testing.assert_allclose(*answers, atol=1e-5)
    assert len(seen) > 1
