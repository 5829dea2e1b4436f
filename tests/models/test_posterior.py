"""Bayes' rule for a head: compared with what the formulas say when written out without any trick."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.errors import BadInput
from pen_mobile.models.label_set import head_output, standardise
from pen_mobile.models.posterior import adapt
from pen_mobile.models.prior import LEARNED, NOT_ADAPTED, OWN_MEAN, Prior
from pen_mobile.types import Doubles

EXPERTS, SIZE, LABELS = 3, 6, 12


def a_prior(size: int = SIZE, targets: int = 2, seed: int = 0, candidates: int = 4) -> Prior:
    rng = np.random.default_rng(seed)
    one = np.ones((candidates, targets))
    spread = np.arange(candidates)[:, None] * one
    spread[:2] = 0
    gain, level = one.copy(), 0.2 * spread + 0.05
    gain[OWN_MEAN], level[OWN_MEAN], level[0] = 0, 0.5, 0
    return Prior(
        output_mean=rng.normal(size=targets) * 0.1,
        feature_mean=rng.normal(size=size),
        feature_scale=np.full(size, size**-0.5),
        directions=np.linalg.qr(rng.normal(size=(size, 2)))[0].T * 0.7,
        feature_limit=np.array([1e3]),
        noise_length=np.full(targets, 5.0),
        error_variance=np.full(targets, 0.2),
        evidence_strength=np.array([1.0]),
        log_weight=-0.3 * spread,
        level_mean=0.1 * one,
        level_variance=level,
        gain_mean=gain,
        gain_variance=0.05 * spread,
        weight_variance=0.1 * spread,
        noise_variance=0.05 * one,
        shared_noise_variance=0.03 * one,
        check_gain=np.ones(targets),
        check_variance=np.full(targets, 0.1),
        check_inflation=np.ones(targets),
        check_limit=np.full(targets, -1e3),
        joint_check_limit=np.array([-1e3]),
        roughness_limit=np.array([1e3, 1e3]),
        disorder_limit=np.array([1e3, 0.0, 0.0]),
        surprise_limit=np.array([1e3, 0.0, 0.0]),
        caution=np.zeros(targets),
        alike_from=np.array([5.0]),
        error_limit=np.full(targets, 1e3),
        margin=np.array([0.02]),
    )


def somebody(
    count: int = LABELS, size: int = SIZE, targets: int = 2, experts: int = EXPERTS, seed: int = 1
) -> tuple[Doubles, Doubles, Doubles, Doubles, Doubles]:
    """Return a head, z, y, weight and time."""
    rng = np.random.default_rng(seed)
    head = rng.normal(size=(experts * (1 + targets), size + 1)) * 0.3
    z, y = rng.normal(size=(count, size)), rng.uniform(-1, 1, (count, targets))
    return head, z, y, np.ones(count), np.sort(rng.uniform(0, 100, count))


def by_hand(prior: Prior, person: tuple[Doubles, ...], c: int, k: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return covariance of the signal, of the noise, and the prior's mean of y, for one candidate and target."""
    head, z, _, weight, time = person
    f, x = (head_output(head, z, prior.targets) - prior.output_mean)[:, k], standardise(prior, z)
    signal = (
        prior.level_variance[c, k] + prior.gain_variance[c, k] * np.outer(f, f) + prior.weight_variance[c, k] * x @ x.T
    )
    alike = np.exp(-np.abs(time[:, None] - time) / prior.noise_length[k])
    noise = prior.shared_noise_variance[c, k] * alike + prior.noise_variance[c, k] * np.diag(1 / weight)
    return signal, noise, prior.level_mean[c, k] + prior.gain_mean[c, k] * f


def of_one_candidate(prior: Prior, c: int) -> Prior:
    """Return the prior with nearly all its weight on one candidate."""
    log_weight = np.full_like(prior.log_weight, -1e4)
    log_weight[c] = 0
    return replace(prior, log_weight=log_weight)


def test_a_posterior_is_that_of_a_gaussian_process() -> None:
    prior, person = a_prior(), somebody()
    head, z, y, *_ = person
    adapted, _ = adapt(of_one_candidate(prior, 3), *person)
    for k in range(2):
        signal, noise, mean = by_hand(prior, person, 3, k)
        expected = mean + signal @ np.linalg.solve(signal + noise, y[:, k] - mean)
        np.testing.assert_allclose(head_output(adapted, z, 2)[:, k], expected, atol=1e-10)
    np.testing.assert_array_equal(adapted[:EXPERTS], head[:EXPERTS])


def test_the_first_candidate_is_the_head_that_ships() -> None:
    prior, person = a_prior(), somebody()
    level = prior.level_mean.copy()
    level[0] = prior.output_mean
    adapted, report = adapt(of_one_candidate(replace(prior, level_mean=level), 0), *person)
    np.testing.assert_allclose(adapted, person[0], atol=1e-12)
    np.testing.assert_allclose(report[ReportRow.MOVED], 0, atol=1e-12)


def test_the_second_candidate_is_a_level() -> None:
    prior, person = a_prior(), somebody()
    adapted, report = adapt(of_one_candidate(prior, OWN_MEAN), *person)
    said = head_output(adapted, person[1], 2)
    np.testing.assert_allclose(said, np.broadcast_to(report[ReportRow.LEVEL], said.shape), atol=1e-12)


def test_errors_left_out_are_those_of_fits_without_a_stretch() -> None:
    prior, person = a_prior(), somebody()
    _, _, y, _, time = person
    _, report = adapt(of_one_candidate(prior, 2), *person)
    alike = np.exp(-np.abs(time[:, None] - time) / 5.0)
    votes = 1 / alike.sum(axis=1)
    place = (np.cumsum(votes) - votes / 2) / votes.sum()  # the times are sorted
    stretch = np.floor(5 * place)
    for k in range(2):
        signal, noise, mean = by_hand(prior, person, 2, k)
        squared = np.empty(LABELS)
        for number in range(5):
            out = stretch == number
            rest = ~out
            alpha = np.linalg.solve((signal + noise)[np.ix_(rest, rest)], (y[:, k] - mean)[rest])
            squared[out] = (y[out, k] - mean[out] - signal[np.ix_(out, rest)] @ alpha) ** 2
        expected = np.sqrt(votes @ squared / votes.sum())
        np.testing.assert_allclose(report[ReportRow.ERROR_ADAPTED, k], expected, atol=1e-10)


def test_candidates_are_weighed_by_their_errors_left_out() -> None:
    prior, person = a_prior(), somebody()
    votes = adapt(prior, *person)[1][ReportRow.EFFECTIVE_LABELS, 0]
    log = []
    for c in range(prior.candidates):
        _, report = adapt(of_one_candidate(prior, c), *person)
        squares = votes * report[ReportRow.ERROR_ADAPTED, 0] ** 2 + 1.0 * 0.2
        log.append(prior.log_weight[c, 0] - (votes + 1.0) / 2 * np.log(squares))
    expected = np.exp(log) / np.exp(log).sum()
    _, report = adapt(prior, *person)
    np.testing.assert_allclose(report[ReportRow.WEIGHT_NOT_ADAPTED, 0], expected[0], atol=1e-10)
    np.testing.assert_allclose(report[ReportRow.WEIGHT_OWN_MEAN, 0], expected[1], atol=1e-10)


def test_padding_changes_nothing() -> None:
    prior, person = a_prior(), somebody(5)
    head, z, y, weight, time = person
    expected, of_five = adapt(prior, *person)
    more = (np.full((100, SIZE), 1e3), np.full((100, 2), 9.0), np.zeros(100), np.full(100, 50.0))
    padded = (np.concatenate(both) for both in zip((z, y, weight, time), more, strict=True))
    adapted, report = adapt(prior, head, *padded)
    np.testing.assert_allclose(adapted, expected, atol=1e-12)
    np.testing.assert_allclose(report, of_five, atol=1e-10)


def test_a_label_of_weight_two_is_two_labels_with_noise_of_their_own() -> None:
    prior = of_one_candidate(a_prior(), 3)
    head, z, y, weight, time = somebody(4)
    twice = (np.concatenate([values, values[:1]]) for values in (z, y, weight, time))
    heavy = weight.copy()
    heavy[0] = 2
    np.testing.assert_allclose(adapt(prior, head, z, y, heavy, time)[0], adapt(prior, head, *twice)[0], atol=1e-10)


def test_labels_of_one_instant_are_one_label() -> None:
    _, report = adapt(a_prior(), *somebody()[:4], np.zeros(LABELS))
    np.testing.assert_allclose(report[ReportRow.EFFECTIVE_LABELS], 1)
    _, report = adapt(a_prior(), *somebody()[:4], np.arange(LABELS) * 1e3)
    np.testing.assert_allclose(report[ReportRow.EFFECTIVE_LABELS], LABELS)


def test_the_order_of_labels_is_of_no_account() -> None:
    prior, (head, *rows) = a_prior(), somebody()
    order = np.random.default_rng(3).permutation(LABELS)
    for one, other in zip(adapt(prior, head, *rows), adapt(prior, head, *(row[order] for row in rows)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_a_broken_moment_has_no_vote() -> None:
    prior, (head, z, y, weight, time) = a_prior(), somebody()
    broken, silent = z.copy(), weight.copy()
    broken[3] *= 1e6
    silent[3] = 0
    np.testing.assert_allclose(
        adapt(prior, head, broken, y, weight, time)[0], adapt(prior, head, z, y, silent, time)[0], atol=1e-12
    )


@pytest.mark.parametrize(
    ("count", "size", "experts", "targets"), [(1, 16, 2, 1), (2, 2048, 3, 2), (7, 16, 100, 8), (128, 32, 9, 3)]
)
def test_every_shape_is_finite(count: int, size: int, experts: int, targets: int) -> None:
    person = somebody(count, size, targets, experts)
    for time in (person[4], np.zeros(count)):
        for y in (person[2], np.full_like(person[2], 0.5)):
            adapted, report = adapt(a_prior(size, targets), *person[:2], y, person[3], time)
            assert np.isfinite(adapted).all()
            assert np.isfinite(report).all()


def test_no_label_changes_nothing() -> None:
    head, z, y, _, time = somebody()
    adapted, report = adapt(a_prior(), head, z, y, np.zeros(LABELS), time)
    np.testing.assert_array_equal(adapted, head)
    assert (report[ReportRow.VERDICT] == Verdict.NO_LABELS).all()


def test_labels_that_contradict_the_head_are_declined_by_target() -> None:
    head, z, _, weight, time = somebody(40)
    y = head_output(head, z, 2) * [1, -1]
    prior = replace(a_prior(), check_limit=np.full(2, -2.0))
    adapted, report = adapt(prior, head, z, y, weight, time)
    assert report[ReportRow.VERDICT].tolist() == [Verdict.ADAPTED, Verdict.CONTRADICTS_HEAD]
    assert report[ReportRow.CHECK, 0] > -1
    experts, shipped = (values[EXPERTS:].reshape(EXPERTS, 2, -1) for values in (adapted, head))
    np.testing.assert_array_equal(experts[:, 1], shipped[:, 1])
    assert not np.allclose(experts[:, 0], shipped[:, 0])


def test_labels_that_jump_more_than_labels_do_are_declined() -> None:
    prior, (head, z, y, weight, time) = replace(a_prior(), roughness_limit=np.array([0.1, 1.2])), somebody()
    _, report = adapt(prior, head, z, y, weight, time)
    limit = 0.1 + 1.2 / LABELS
    length = []
    for k in range(2):
        signal, noise, mean = by_hand(prior, (head, z, y, weight, time), OWN_MEAN, k)
        expected = 0.05 + 0.03  # own and shared noise
        relative = (LABELS * y[:, k].var() + 5 * expected) / (LABELS + 5) / expected
        length.append((y[:, k] - mean) @ np.linalg.solve(signal + noise, y[:, k] - mean) / LABELS / relative)
    np.testing.assert_allclose(report[ReportRow.ROUGHNESS], np.mean(length) / limit, atol=1e-10)
    assert (report[ReportRow.VERDICT] == Verdict.TOO_ROUGH).all()


def test_labels_that_fit_other_moments_as_well_are_declined() -> None:
    """The length of the differences from the mean, over its mean over all 120 orders of five labels."""
    head, z, y, weight, time = somebody(5)
    prior = replace(a_prior(), disorder_limit=np.array([0.1, 0.2, 0.3]))
    _, report = adapt(prior, head, z, y, weight, time)
    found = []
    for k in range(2):
        signal, noise, _ = by_hand(prior, (head, z, y, weight, time), OWN_MEAN, k)
        centred = y[:, k] - y[:, k].mean()
        orders = np.array(list(itertools.permutations(centred)))
        lengths = np.einsum("pn,np->p", orders, np.linalg.solve(signal + noise, orders.T))
        assert orders[0].tolist() == centred.tolist()
        found.append(lengths[0] / lengths.mean() * y[:, k].var() / (y[:, k].var() + 1e-4))
    limit = 0.1 + 0.2 / np.sqrt(5) + 0.3 / 5
    np.testing.assert_allclose(report[ReportRow.ROUGHNESS], np.mean(found) / limit, atol=1e-10)
    assert (report[ReportRow.ROUGHNESS_LIMIT] == 1).all()
    assert (report[ReportRow.VERDICT] == Verdict.TOO_ROUGH).all()


def test_labels_that_are_all_alike_are_declined_when_they_are_many() -> None:
    head, z, _, weight, time = somebody()
    same = np.full((LABELS, 2), 0.5)
    for count, verdict in ((5, Verdict.ALL_ALIKE), (4, Verdict.ADAPTED)):
        rows = (values[:count] for values in (z, same, weight, time))
        _, report = adapt(a_prior(), head, *rows)
        assert (report[ReportRow.VERDICT] == verdict).all()
        np.testing.assert_allclose(report[ReportRow.SPREAD], 0, atol=1e-7)


def test_a_head_that_is_worse_left_out_is_declined() -> None:
    head, z, _, weight, time = somebody(40)
    y = head_output(head, z, 2)
    prior = replace(of_one_candidate(a_prior(), OWN_MEAN), error_limit=np.zeros(2))
    adapted, report = adapt(prior, head, z, y, weight, time)
    assert (report[ReportRow.VERDICT] == Verdict.WORSE_LEFT_OUT).all()
    np.testing.assert_array_equal(adapted, head)


def test_a_prior_survives_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    prior = a_prior()
    prior.save(tmp_path / "prior.safetensors")
    again = Prior.load(tmp_path / "prior.safetensors")
    for field in fields(prior):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(prior, field.name))


def test_a_prior_with_wrong_numbers_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="gain_mean must be"):
        replace(a_prior(), gain_mean=np.ones((3, 2)))
    with pytest.raises(BadInput, match="not finite"):
        replace(a_prior(), noise_length=np.array([1.0, np.nan]))
    with pytest.raises(BadInput, match="greater than 0"):
        replace(a_prior(), noise_variance=np.zeros((4, 2)))
    (tmp_path / "other").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="no prior could be read"):
        Prior.load(tmp_path / "other")


def test_surprise_is_the_length_of_the_labels_under_the_learned_candidate() -> None:
    """What lies nearer to the prior's mean surprises less; one target that surprises declines all."""
    prior, person = replace(a_prior(), surprise_limit=np.array([0.5, 1.0, 6.0])), somebody()
    head, z, y, weight, time = person
    _, report = adapt(prior, *person)
    for k in range(2):
        signal, noise, mean = by_hand(prior, person, LEARNED, k)
        residual = y[:, k] - mean
        expected = residual @ np.linalg.solve(signal + noise, residual) / LABELS
        assert report[ReportRow.SURPRISE, k] == pytest.approx(expected)
    np.testing.assert_allclose(report[ReportRow.SURPRISE_LIMIT], 0.5 + 1.0 / LABELS**0.5 + 6.0 / LABELS)
    usual = np.stack([by_hand(prior, person, LEARNED, k)[2] for k in range(2)], axis=1)
    for labels, verdict in (
        (usual, Verdict.ADAPTED),
        (np.stack([usual[:, 0], usual[:, 1] + 5], axis=1), Verdict.SURPRISING),
    ):
        _, report = adapt(prior, head, z, labels, weight, time)
        assert report[ReportRow.VERDICT].tolist() == [verdict, verdict]


def test_caution_keeps_a_share_of_the_head_that_ships() -> None:
    """With V effective labels and a caution of 2, V / (V + 2) of every change is kept, in head and left-out errors."""
    level = a_prior().level_mean.copy()
    level[NOT_ADAPTED] = a_prior().output_mean
    trusting = replace(a_prior(), level_mean=level)
    for one in (trusting, of_one_candidate(trusting, 3)):
        (head, *labels) = somebody()
        moved, report = adapt(one, head, *labels)
        careful, second = adapt(replace(one, caution=np.full(2, 2.0)), head, *labels)
        votes = report[ReportRow.EFFECTIVE_LABELS, 0]
        np.testing.assert_allclose(careful - head, votes / (votes + 2) * (moved - head), atol=1e-12)
        np.testing.assert_allclose(second[ReportRow.MOVED], votes / (votes + 2) * report[ReportRow.MOVED], atol=1e-12)
    nothing = adapt(replace(trusting, caution=np.full(2, 1e12)), head, *labels)[1]
    np.testing.assert_allclose(nothing[ReportRow.ERROR_ADAPTED], nothing[ReportRow.ERROR_NOT_ADAPTED], atol=1e-9)
