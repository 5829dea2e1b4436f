"""Proof of the method ``adapt``: every golden label set, padded, against the float64 reference.

A bundle whose head tells faces hardly apart has no label sets: rounding would decide the answers. Its method is still
called, without a label, and must give the shipped head back.
"""

from __future__ import annotations

import numpy as np

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.verification import Check, largest_error
from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.contract.manifest import Manifest
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.types import Floats


def adapt_checks(runtime: BundleRuntime, golden: Golden, parameters: Floats) -> list[Check]:
    """Adapt to every label set, and compare what the head then answers, the report, and its verdicts.

    Args:
        runtime: of the bundle.
        golden: of the bundle.
        parameters: the shipped head, ``[1, n_s (1 + K), D_z + 1]``.
    """
    part = runtime.bundle.manifest.head.adapt
    if part is None:
        return []
    if not golden.adapt_rows:
        return [Check("adapt: without labels", _moved_without_labels(runtime, part.labels, parameters), 0.0)]
    errors = [_errors(runtime, golden, parameters, name) for name in golden.adapt_rows]
    targets, report, verdicts = np.max(errors, axis=0).tolist()  # NaN where any of them is
    tolerances = runtime.bundle.manifest.golden
    return [
        Check("adapt: targets", targets, tolerances.target_tolerance),
        Check("adapt: report", report, tolerances.report_tolerance),
        Check("adapt: verdicts", verdicts, 0.0),
    ]


def not_compared(manifest: Manifest, golden: Golden) -> dict[str, str]:
    """Return why the method's answers are compared with nothing; nothing where they are, or there is no such method.

    Args:
        manifest: of the bundle.
        golden: of the same bundle.
    """
    if manifest.head.adapt is None or golden.adapt_rows:
        return {}
    return {"adapt": "the head answers nearly the same for every face, so rounding would decide what it becomes"}


def _moved_without_labels(runtime: BundleRuntime, labels: int, parameters: Floats) -> float:
    head = runtime.bundle.manifest.head
    z = np.zeros((1, labels, head.feature_size), np.float32)
    y, none = np.zeros((1, labels, head.target_count), np.float32), np.zeros((1, labels), np.float32)
    adapted, _ = runtime.adapt(parameters, z, y, none, none)
    return float(np.abs(adapted - parameters).max())


def _errors(runtime: BundleRuntime, golden: Golden, parameters: Floats, name: str) -> tuple[float, float, float]:
    """Return the largest errors of the adapted head's outputs, of the report, and of its verdicts."""
    assert golden.adapt_moments is not None
    adapted, report = runtime.adapt(parameters, *padded_label_set(golden, name, runtime.bundle.manifest))
    targets, _ = runtime.predict(adapted, golden.adapt_moments)
    expected = golden.adapt_reports[name]
    scale = np.maximum(1.0, np.abs(expected))
    verdicts = report[0, ReportRow.VERDICT] - expected[ReportRow.VERDICT]
    return (
        largest_error(targets, golden.adapt_targets[name]),
        largest_error(report[0] / scale, expected / scale),
        float(np.abs(verdicts).max()),
    )


def padded_label_set(golden: Golden, name: str, manifest: Manifest) -> tuple[Floats, Floats, Floats, Floats]:
    """Return z, y, weight and time of one call: the labels first, rows of weight 0 behind.

    Args:
        golden: which holds the label set.
        name: of the label set.
        manifest: says how many rows a call has.
    """
    part = manifest.head.adapt
    assert part is not None
    assert golden.adapt_moments is not None
    rows = golden.adapt_rows[name]
    padding = (0, part.labels - len(rows))
    z = np.pad(golden.adapt_moments[rows], (padding, (0, 0)))[None]
    y = np.pad(golden.adapt_labels[name], (padding, (0, 0)))[None]
    weight = np.pad(np.ones(len(rows), np.float32), padding)[None]
    return z, y, weight, np.pad(golden.adapt_times[name], padding)[None]
