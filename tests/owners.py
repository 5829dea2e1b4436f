"""Priors, heads and labels of people who own phones, drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.label_set import head_output
from pen_mobile.models.posterior import adapt
from pen_mobile.models.prior import OWN_MEAN, Prior
from pen_mobile.types import Doubles, Floats

ANSWERS, REPORT = 1e-5, 1e-3
KINDS = ("honest", "clustered", "inverted", "noise", "own mean")


Method = Callable[..., tuple[Tensor, Tensor]]


class Owner(NamedTuple):
    """The arguments of the method ``adapt``, without the leading 1."""

    head_parameters: Floats
    z: Floats
    y: Floats
    weight: Floats
    time: Floats


def a_prior(features: int, targets: int = 2, candidates: int = 7, directions: int = 3, seed: int = 0) -> Prior:
    """Return a prior with the magnitudes of learned ones.

    Args:
        features: D_z.
        targets: K.
        candidates: C.
        directions: R.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)

    def column(low: float, high: float) -> Doubles:
        return np.exp(rng.uniform(np.log(low), np.log(high), (candidates, targets)))

    level_variance, gain_variance, weight_variance = column(0.02, 0.1), column(0.02, 0.2), column(0.005, 0.2)
    gain_mean = rng.uniform(0.5, 1.0, (candidates, targets))
    for reference in (0, 1):
        gain_variance[reference] = weight_variance[reference] = 0
    level_variance[0], gain_mean[0], gain_mean[OWN_MEAN] = 0, 1, 0
    output_mean = rng.normal(0, 0.1, targets)
    one = np.ones(targets)
    return Prior(
        output_mean=output_mean,
        feature_mean=rng.normal(0, 0.1, features),
        feature_scale=np.exp(rng.normal(0, 0.2, features)) / np.sqrt(features),
        directions=0.8 * np.linalg.qr(rng.normal(size=(features, features)))[0][:directions],
        feature_limit=np.array([12.0]),
        noise_length=rng.uniform(5, 40, targets),
        error_variance=0.06 * one,
        evidence_strength=np.array([2.0]),
        log_weight=np.full((candidates, targets), -1.0),
        level_mean=np.tile(output_mean, (candidates, 1)),
        level_variance=level_variance,
        gain_mean=gain_mean,
        gain_variance=gain_variance,
        weight_variance=weight_variance,
        noise_variance=column(0.02, 0.1),
        shared_noise_variance=column(0.005, 0.05),
        check_gain=0.8 * one,
        check_variance=0.1 * one,
        check_inflation=1.5 * one,
        check_limit=-2.2 * one,
        joint_check_limit=np.array([-1.9]),
        roughness_limit=np.array([2.5, 3.0]),
        disorder_limit=np.array([1.25, 0.5, 1.0]),
        surprise_limit=np.array([2.0, 1.0, 3.0]),
        caution=np.linspace(0.5, 1.0, targets),
        alike_from=np.array([6.0]),
        error_limit=one,
        margin=np.array([0.01]),
    )


def an_owner(prior: Prior, experts: int, rows: int, labels: int, seed: int) -> Owner:
    """Return a head and somebody's labels; the kind of labels goes through :data:`KINDS` with the seed.

    Args:
        prior: whose sizes count.
        experts: n_s.
        rows: N.
        labels: how many of the rows are labels; the others have the weight 0 and hold anything.
        seed: of the draws.
    """
    rng, kind, size = np.random.default_rng([7, seed]), KINDS[seed % len(KINDS)], prior.feature_size
    head = rng.normal(size=(experts * (1 + prior.targets), size + 1)) * 0.5 / np.sqrt(size)
    scenes = rng.normal(size=(rows // 6 + 1, size))[np.arange(rows) // 6]
    z = ((0.7 * (scenes + rng.normal(size=(rows, size)))) / (prior.feature_scale * np.sqrt(size))).astype(np.float32)
    output = head_output(head, z.astype(np.float64), prior.targets)
    noise = 0.1 * rng.normal(size=output.shape)
    slope, shift = {"inverted": (-1.0, 0.0), "noise": (0.0, 0.0), "own mean": (0.0, 0.4)}.get(kind, (0.8, 0.2))
    y = slope * output + shift + noise * (5 if kind == "noise" else 1)
    time = np.sort(rng.uniform(0, 3600, rows))
    if kind == "clustered":
        time = 600.0 * (np.arange(rows) // 4) + 0.5 * (np.arange(rows) % 4)
    weight = (np.arange(rows) < labels).astype(np.float32)
    return Owner(
        head.astype(np.float32), z, np.clip(y, -1, 1).astype(np.float32), weight, (time - time[0]).astype(np.float32)
    )


def called(method: Method, owner: Owner) -> tuple[Floats, Floats]:
    """Return head parameters and report, without the leading 1."""
    with torch.no_grad():
        outputs = method(*(torch.from_numpy(array)[None] for array in owner))
    head_parameters, report = (output[0].numpy().copy() for output in outputs)
    return head_parameters, report


def assert_equal_to_reference(method: Method, prior: Prior, owner: Owner) -> Floats:
    """Compare one call with float64, and return the verdicts."""
    found, report = called(method, owner)
    reference = [array.astype(np.float64) for array in owner]
    expected, expected_report = adapt(prior, *reference)
    z = reference[1]
    targets = prior.targets
    answers = head_output(found.astype(np.float64), z, targets) - head_output(expected, z, targets)
    usable = (owner.weight > 0) & (np.abs(owner.z).max(axis=1) < 1e3)
    assert np.abs(answers[usable]).max(initial=0) < ANSWERS
    difference = np.abs(report - expected_report) / np.maximum(1, np.abs(expected_report))
    assert difference.max() < REPORT, ReportRow(int(difference.max(axis=1).argmax()))
    np.testing.assert_array_equal(report[ReportRow.VERDICT], expected_report[ReportRow.VERDICT])
    kept = expected_report[ReportRow.VERDICT] != Verdict.ADAPTED
    experts = len(found) // (1 + targets)
    after, before = (one[experts:].reshape(experts, targets, -1) for one in (found, owner.head_parameters))
    np.testing.assert_array_equal(after[:, kept], before[:, kept])  # bit by bit
    return report[ReportRow.VERDICT]
