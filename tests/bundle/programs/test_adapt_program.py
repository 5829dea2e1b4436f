"""The method ``adapt`` against the float64 reference: answers, report and verdict, here and in the real runtime."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from torch import Tensor

from pen_mobile.bundle.programs.adapt import AdaptProgram
from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.label_set import head_output
from pen_mobile.models.posterior import adapt
from pen_mobile.models.prior import Prior
from pen_mobile.phone.executorch_runtime import executorch_runtime
from tests.nightly import times
from tests.owners import Method, Owner, a_prior, an_owner, assert_equal_to_reference, called

FEATURES, EXPERTS, LABELS = 24, 3, 48
COUNTS = (LABELS, 40, 20, 12, 8, 5, 3, 2, 1)


def a_program(prior: Prior, experts: int = EXPERTS, labels: int = LABELS) -> AdaptProgram:
    return AdaptProgram(HeadSize(prior.feature_size, experts, prior.targets), prior, labels).eval()


def test_200_owners_get_the_reference_s_head_report_and_verdict() -> None:
    prior = a_prior(FEATURES)
    program = a_program(prior)
    verdicts = [
        assert_equal_to_reference(program, prior, an_owner(prior, EXPERTS, LABELS, COUNTS[seed % 9], seed))
        for seed in range(200)
    ]
    shares = [np.mean(np.array(verdicts) == verdict) for verdict in Verdict]
    assert shares[Verdict.ADAPTED] > 0.5
    assert shares[Verdict.CONTRADICTS_HEAD] > 0.1
    assert shares[Verdict.SURPRISING] > 0


@pytest.fixture(scope="module")
def prior() -> Prior:
    return a_prior(FEATURES)


@pytest.fixture(scope="module")
def in_runtime(prior: Prior, tmp_path_factory: pytest.TempPathFactory) -> Method:
    """The program in the ExecuTorch runtime, one delegate call."""
    program, path = a_program(prior), tmp_path_factory.mktemp("adapt") / "adapt.pte"
    lowered = lower({"adapt": (program, program.example_inputs())})
    assert lowered.delegate_calls == {"adapt": 1}
    assert lowered.outside_delegate == {"adapt": []}
    lowered.write(path)
    loaded = executorch_runtime().load_program(path)
    method = loaded.load_method("adapt")

    def call(*inputs: Tensor, keep: object = loaded) -> tuple[Tensor, Tensor]:
        head_parameters, report = method.execute(inputs)
        return head_parameters.clone(), report.clone()

    return call


@pytest.mark.slow
def test_owners_in_the_runtime(prior: Prior, in_runtime: Method) -> None:
    for seed in range(times(45, nightly=200)):
        owner = an_owner(prior, EXPERTS, LABELS, COUNTS[seed % 9], seed)
        assert_equal_to_reference(in_runtime, prior, owner)


@pytest.mark.parametrize(
    ("features", "targets", "experts", "directions", "labels"),
    [(2, 1, 2, 0, 8), (16, 3, 2, 1, 33), (64, 8, 100, 2, 16), (2048, 2, 9, 4, 20), (24, 2, 3, 0, 128)],
)
def test_every_size(features: int, targets: int, experts: int, directions: int, labels: int) -> None:
    prior = a_prior(features, targets, directions=directions, seed=features)
    program = a_program(prior, experts, labels)
    for seed in range(3):
        owner = an_owner(prior, experts, labels, labels - seed, seed)
        assert_equal_to_reference(program, prior, owner)


def changed(owner: Owner, **arrays: np.ndarray) -> Owner:
    return owner._replace(**{name: array.astype(np.float32) for name, array in arrays.items()})


def test_unusual_labels(prior: Prior) -> None:
    """None, one, all alike, all at one instant, copies of one, in any order, with weights, with a broken feature."""
    program, owner = a_program(prior), an_owner(prior, EXPERTS, LABELS, 20, 0)
    order = np.random.default_rng(0).permutation(LABELS)
    broken = owner.z.copy()
    broken[3], broken[4] = 1e6, 3e38
    one = np.zeros(LABELS)
    one[17] = 1
    for case in (
        changed(owner, weight=np.zeros(LABELS)),
        changed(owner, weight=one),
        changed(owner, y=np.full_like(owner.y, 0.5)),
        changed(owner, time=np.full_like(owner.time, 7.0)),
        changed(owner, z=np.tile(owner.z[:1], (LABELS, 1)), y=np.tile(owner.y[:1], (LABELS, 1))),
        Owner(owner.head_parameters, *(array[order] for array in owner[1:])),
        changed(owner, weight=owner.weight * np.linspace(0.1, 2, LABELS)),
        changed(owner, z=broken),
    ):
        assert_equal_to_reference(program, prior, case)
    assert (called(program, changed(owner, weight=np.zeros(LABELS)))[1][ReportRow.VERDICT] == Verdict.NO_LABELS).all()


def test_padding_changes_nothing(prior: Prior) -> None:
    program, owner = a_program(prior), an_owner(prior, EXPERTS, LABELS, 12, 0)
    padding = owner.weight == 0
    other = changed(
        owner,
        z=np.where(padding[:, None], 5, owner.z),
        y=np.where(padding[:, None], -9, owner.y),
        time=np.where(padding, 1e4, owner.time),
    )
    for left, right in zip(called(program, owner), called(program, other), strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-6)


def test_limits_decide(prior: Prior) -> None:
    """The same labels, with other limits in the prior, or all alike: every verdict there is for labels."""
    owner = an_owner(prior, EXPERTS, LABELS, LABELS, 0)
    strict = replace(prior, check_limit=np.full(2, 50.0))
    worse = replace(prior, margin=np.array([-5.0]), error_limit=np.zeros(2))
    expected_only = replace(prior, surprise_limit=np.zeros(3))
    smooth = replace(prior, roughness_limit=np.array([1e-3, 0.0]))
    in_order = replace(prior, disorder_limit=np.array([1e-3, 0.0, 0.0]))
    alike = changed(owner, y=np.full_like(owner.y, 0.3))
    few_alike = changed(alike, weight=np.arange(LABELS) < 5)
    cases = [(one, owner) for one in (prior, strict, worse, smooth, in_order, expected_only)] + [(prior, alike)]
    found = [assert_equal_to_reference(a_program(one), one, labels).tolist() for one, labels in cases]
    expected = [
        Verdict.ADAPTED,
        Verdict.CONTRADICTS_HEAD,
        Verdict.WORSE_LEFT_OUT,
        Verdict.TOO_ROUGH,
        Verdict.TOO_ROUGH,
        Verdict.SURPRISING,
        Verdict.ALL_ALIKE,
    ]
    assert Verdict.ALL_ALIKE not in assert_equal_to_reference(a_program(prior), prior, few_alike)
    assert found == [[verdict, verdict] for verdict in expected]


@pytest.mark.slow
@pytest.mark.parametrize("targets", [2, 8])
def test_the_program_is_small_beside_the_prior(targets: int) -> None:
    """At the paper's size and 128 labels: 60 kB beside the prior's numbers."""
    prior = a_prior(2048, targets, directions=4)
    program = AdaptProgram(HeadSize(2048, 9, targets), prior, 128).eval()
    lowered = lower({"adapt": (program, program.example_inputs())})
    numbers = 4 * sum(getattr(prior, field.name).size for field in fields(prior))
    assert len(lowered.buffer) - numbers < 60_000
    assert lowered.outside_delegate == {"adapt": []}


@pytest.mark.parametrize("seed", range(12))
def test_many_labels_of_one_instant_end_in_numbers(seed: int) -> None:
    """Faces that are copies, nearly copies, or not, all or most at one instant; the signal is 70 times the noise.

    The covariance of 48 copies has the condition 48 * 70 * 9: float32 keeps three digits of what is divided by it.
    """
    prior = a_prior(FEATURES)
    prior = replace(prior, weight_variance=70 * prior.noise_variance)
    owner, rng = an_owner(prior, EXPERTS, LABELS, LABELS, seed), np.random.default_rng(seed)
    spread = (0.0, 1e-3, 1.0)[seed % 3]
    z = 3 * (owner.z[:1] + spread * (owner.z - owner.z[:1]))
    time = np.zeros(LABELS) if seed % 2 else np.round(np.sort(rng.uniform(0, 3, LABELS)))
    adapted, report = called(a_program(prior), changed(owner, z=z, time=time))
    expected, its_report = adapt(prior, *(array.astype(np.float64) for array in changed(owner, z=z, time=time)))
    assert np.isfinite(adapted).all()
    assert np.isfinite(report).all()
    answers, correct = (head_output(head.astype(np.float64), z.astype(np.float64), 2) for head in (adapted, expected))
    if (report[ReportRow.VERDICT] == its_report[ReportRow.VERDICT]).all():
        assert np.abs(answers - correct).max() < 0.01
