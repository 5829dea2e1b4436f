"""Golden vectors of the method ``adapt``: label sets of several kinds, with what the float64 reference answers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.bundle.golden import Golden
from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.models.label_set import head_output
from pen_mobile.models.posterior import adapt
from pen_mobile.models.prior import Prior
from pen_mobile.types import Doubles, Floats

SCENARIOS = ("honest", "few", "clustered", "inverted", "own_mean")
"""Kinds of label sets: in agreement with the head, three such, in bursts, the head's opposite, and unrelated to it."""

_MOMENTS = 32
_FEW = 3
_BURST = 8
_DRAWS = 16
_SEED = 20181
_CLEAR = 1e-2
_RESOLVED = 1e-5  # of an output: a hundred units in the last place of float32


@dataclass(frozen=True)
class _LabelSet:
    """One label set and the reference's answers.

    Attributes:
        rows: moments that are labelled, int32 ``[n]``.
        labels: ``[n, K]``.
        times: seconds, ``[n]``.
        reports: the report, ``[R, K]``.
        targets: output of the adapted head for all moments, ``[M, K]``.
    """

    rows: NDArray[np.int32]
    labels: Floats
    times: Floats
    reports: Floats
    targets: Floats

    @classmethod
    def drawn(
        cls, prior: Prior, head: Doubles, moments: Floats, labels: int, name: str, rng: np.random.Generator
    ) -> _LabelSet:
        count = min(_FEW if name == "few" else len(moments), labels)
        rows = rng.permutation(len(moments))[:count].astype(np.int32)
        z = moments.astype(np.float64)
        y = _labels(name, head_output(head, z[rows], prior.targets), rng).astype(np.float32)
        times = _times(name, count).astype(np.float32)
        adapted, report = adapt(prior, head, z[rows], y.astype(np.float64), np.ones(count), times.astype(np.float64))
        targets = head_output(adapted, z, prior.targets)
        return cls(rows, y, times, report.astype(np.float32), targets.astype(np.float32))

    @property
    def is_clear(self) -> bool:
        """Whether every decision stays the same when the numbers differ a little."""
        report = self.reports
        worse = report[ReportRow.ERROR_ADAPTED] - report[ReportRow.ERROR_NOT_ADAPTED] - report[ReportRow.MARGIN]
        distances = [
            report[ReportRow.CHECK] - report[ReportRow.CHECK_LIMIT],
            report[ReportRow.JOINT_CHECK] - report[ReportRow.JOINT_CHECK_LIMIT],
            report[ReportRow.ROUGHNESS] - report[ReportRow.ROUGHNESS_LIMIT],
            report[ReportRow.SURPRISE].max() - report[ReportRow.SURPRISE_LIMIT],
            worse - report[ReportRow.ERROR_LIMIT] * report[ReportRow.UNCERTAINTY],
        ]
        return bool(np.abs(distances).min() > _CLEAR)


def with_label_sets(golden: Golden, prior: Prior, head_parameters: Floats, labels: int) -> Golden:
    """Return golden vectors with every kind of label set, drawn again until no verdict is a close one.

    Where the head gives the same output for every face but for rounding, rounding decides the answers: the bundle then
    holds no label sets.

    Args:
        golden: of the same head.
        prior: in the program.
        head_parameters: the shipped head, ``[n_s (1 + K), D_z + 1]``.
        labels: N, the most labels of one call.
    """
    moments = _moments(prior)
    names = SCENARIOS if _tells_faces_apart(prior, head_parameters, moments) else ()
    sets = {name: _clear_set(prior, head_parameters, moments, labels, name) for name in names}
    columns: dict[str, Any] = {
        f"adapt_{field.name}": {name: getattr(one, field.name) for name, one in sets.items()}
        for field in fields(_LabelSet)
    }
    return replace(golden, adapt_moments=moments, **columns)


def _moments(prior: Prior) -> Floats:
    """Return features with the means and spreads of source people, ``[M, D_z]``."""
    noise = np.random.default_rng(_SEED).standard_normal((_MOMENTS, prior.feature_size))
    scale = prior.feature_scale * np.sqrt(prior.feature_size)
    spread = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)  # 0: a feature that never varies
    moments: Floats = (prior.feature_mean + spread * noise).astype(np.float32)
    return moments


def _clear_set(prior: Prior, head_parameters: Floats, moments: Floats, labels: int, name: str) -> _LabelSet:
    for draw in range(_DRAWS):
        rng = np.random.default_rng([_SEED, SCENARIOS.index(name), draw])
        found = _LabelSet.drawn(prior, head_parameters.astype(np.float64), moments, labels, name, rng)
        if found.is_clear:
            break
    return found


def _tells_faces_apart(prior: Prior, head_parameters: Floats, moments: Floats) -> bool:
    """Return whether outputs for different moments differ by more than float32 rounds, for every target."""
    output = head_output(head_parameters.astype(np.float64), moments.astype(np.float64), prior.targets)
    return bool((output.std(axis=0) > _RESOLVED * np.maximum(1.0, np.abs(output).max(axis=0))).all())


def _labels(name: str, output: Doubles, rng: np.random.Generator) -> Doubles:
    middle, noise = output.mean(axis=0), 0.1 * rng.standard_normal(output.shape)
    slope = {"inverted": -1.0, "own_mean": 0.0}.get(name, 0.8)
    labels: Doubles = np.clip(middle + slope * (output - middle) + 0.2 + noise, -1, 1)
    return labels


def _times(name: str, count: int) -> Doubles:
    number = np.arange(count, dtype=np.float64)
    return 900 * (number // _BURST) + number % _BURST if name == "clustered" else 60 * number
